"""The events of the wire (docs/protocol.md, "Events") as bytes, each encoded once however many streams carry it."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw

from projectors.views import Change, Snapshot, wire_name

PROTOCOL = 1

_encode = msgspec.json.encode


class Frame:
    """One event without its end, so that an `id:` line may follow. `parts` are shared, never copied here."""

    __slots__ = ("_chunks", "event", "parts", "size")

    def __init__(self, event: str, *parts: bytes | memoryview) -> None:
        self.event = event
        self.parts = parts
        self.size = sum(map(len, parts)) + 1
        self._chunks: dict[bytes, bytes] = {}

    def text(self, identity: bytes = b"") -> bytes:
        """The whole event, with an `id:` line or without."""
        return b"".join((*self.parts, identity, b"\n"))

    def chunk(self, identity: bytes = b"") -> bytes:
        """The same as a chunk of an HTTP/1.1 body; streams with the same `id:` line share it."""
        chunk = self._chunks.get(identity)
        if chunk is None:
            chunk = self._chunks[identity] = chunked(self.text(identity))
        return chunk

    def pieces(self, limit: int) -> Iterator[bytes | memoryview]:
        """The whole event in pieces of at most `limit` bytes, cut from the shared parts."""
        for part in (*self.parts, b"\n"):
            whole = memoryview(part)
            for start in range(0, len(part), limit):
                yield whole[start : start + limit]


def chunked(text: bytes | memoryview) -> bytes:
    """A chunk of an HTTP/1.1 body."""
    return b"".join((b"%x\r\n" % len(text), text, b"\r\n"))


def together(events: Sequence[Frame], identity: bytes) -> bytes:
    """Chunks of several events; the last one carries the `id:` line."""
    if len(events) == 1:
        return events[0].chunk(identity)
    return b"".join([*(one.chunk() for one in events[:-1]), events[-1].chunk(identity)])


def _frame(event: str, data: Mapping[str, object], *, retry_ms: int | None = None) -> Frame:
    retry = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    return Frame(event, b"%bevent: %b\ndata: %b\n" % (retry, event.encode(), _encode(data)))


def retry_line(retry_ms: int) -> bytes:
    """Tells a native EventSource how long to wait before it comes back."""
    return b"retry: %d\n\n" % retry_ms


def hello(*, sid: str, node: str, heartbeat_ms: int) -> Frame:
    return _frame(
        "hello", {"sid": sid, "node": node, "protocol": PROTOCOL, "heartbeat_ms": heartbeat_ms}
    )


def snapshot(whole: Snapshot, cause: str) -> Frame:
    head = (
        b'event: snapshot\ndata: {"topic":%b,"epoch":%b,"version":%d,"cause":{"kind":"%b"},"data":'
    )
    return Frame(
        "snapshot",
        head
        % (
            _encode(wire_name(whole.topic)),
            _encode(whole.epoch),
            whole.version,
            cause.encode(),
        ),
        whole.data,
        b"}\n",
    )


def change(one: Change) -> Frame:
    return _frame(
        "change",
        {
            "topic": wire_name(one.topic),
            "epoch": one.epoch,
            "base": one.base,
            "version": one.version,
            "changes": Raw(one.changes),
            "cause": Raw(one.cause),
        },
    )


def replayed(one: Change) -> Frame:
    """A change sent again to a client that missed it: the same bases, versions and cause, of kind `resume`."""
    cause = msgspec.json.decode(one.cause, type=dict[str, Raw])
    cause["kind"] = Raw(b'"resume"')
    return change(msgspec.structs.replace(one, cause=_encode(cause)))


def ready(*, revision: int, topics: Mapping[str, str]) -> Frame:
    return _frame("ready", {"revision": revision, "topics": topics})


def heartbeat(*, at: int, position: int, lag_ms: int) -> Frame:
    return _frame("heartbeat", {"at": at, "position": position, "lag_ms": lag_ms})


def forbidden(topic: str) -> Frame:
    return _frame("forbidden", {"topic": topic})


def gone(topic: str) -> Frame:
    return _frame("gone", {"topic": topic})


def drain(*, retry_ms: int, deadline_ms: int, native_ms: int) -> Frame:
    """`native_ms` is the `retry:` line, for native EventSources, which know nothing of the event."""
    return _frame("drain", {"retry_ms": retry_ms, "deadline_ms": deadline_ms}, retry_ms=native_ms)


def bye(*, code: str, detail: str, retry: bool) -> Frame:
    return _frame("bye", {"code": code, "detail": detail, "retry": retry})


def total(frames: Sequence[Frame]) -> int:
    """Bytes that these frames need on the wire, framing left out."""
    return sum(frame.size for frame in frames)
