"""One fault on one stream: bytes go in, what to do with the connection comes out. Pure, so no byte is lost by chance."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from foundry_client.chaos.faults import AtByte

DRAIN = b'event: drain\ndata: {"retry_ms":20,"deadline_ms":5000}\n\n'
BYE = b'event: bye\ndata: {"code":"drain","detail":"Chaos: open another stream.","retry":true}\n\n'
FRAME_END = b"\n\n"
FIRST_OF_SEVERAL = 0xC0


class Send(Struct, frozen=True):
    """Write these bytes, and see that they are on their way before anything else is done."""

    data: bytes


class Wait(Struct, frozen=True):
    """Do nothing for as long as the proxy delays."""


class Leave(Struct, frozen=True):
    """End the stream in this way; nothing more is sent."""

    how: Literal["cut", "reset", "half-close", "end", "stall"]


Action: TypeAlias = Send | Wait | Leave


class Damage:
    """What becomes of a body under one fault, or under none. `done` once the fault has struck."""

    def __init__(self, fault: AtByte | None) -> None:
        self._fault = fault
        self._sent = 0
        self._frame = b""
        self.done = False

    def feed(self, piece: bytes) -> Iterator[Action]:
        """What to do as the next piece of the body arrives."""
        fault = self._fault
        if fault is None or self.done:
            yield Send(piece)
            return
        match fault.kind:
            case "cut" | "reset" | "half-close" | "end" | "stall":
                yield from self._leave_at(piece, fault.offset, Leave(fault.kind))
            case "delay":
                yield from self._wait_at(piece, fault.offset)
            case "tear":
                yield from self._tear(piece, fault.offset)
            case "duplicate" | "drain" | "bye":
                yield from self._behind_frame(piece, fault)

    def _leave_at(self, piece: bytes, offset: int, leave: Leave) -> Iterator[Action]:
        rest = offset - self._sent
        self._sent += len(piece)
        if rest > len(piece):
            yield Send(piece)
            return
        self.done = True
        if rest > 0:
            yield Send(piece[:rest])
        yield leave

    def _wait_at(self, piece: bytes, offset: int) -> Iterator[Action]:
        rest = offset - self._sent
        self._sent += len(piece)
        if rest >= len(piece):
            yield Send(piece)
            return
        self.done = True
        if rest > 0:
            yield Send(piece[:rest])
        yield Wait()
        yield Send(piece[max(rest, 0) :])

    def _tear(self, piece: bytes, offset: int) -> Iterator[Action]:
        start = max(offset - self._sent, 0)
        for place in range(start, len(piece)):
            if piece[place] >= FIRST_OF_SEVERAL:
                yield from self._leave_at(piece, self._sent + place + 1, Leave("cut"))
                return
        self._sent += len(piece)
        yield Send(piece)

    def _behind_frame(self, piece: bytes, fault: AtByte) -> Iterator[Action]:
        """Pass on until the frame that holds the byte has ended; a frame may come in many pieces."""
        before = len(self._frame)
        text = self._frame + piece
        begin = 0
        while (found := text.find(FRAME_END, begin)) >= 0:
            end = found + len(FRAME_END)
            self._sent += end - begin
            if self._sent >= fault.offset:
                self.done = True
                yield Send(piece[: end - before])
                yield from self._strike(fault, text[begin:end])
                if fault.kind != "bye" and end < len(text):
                    yield Send(text[end:])
                return
            begin = end
        self._frame = text[begin:]
        yield Send(piece)

    def _strike(self, fault: AtByte, frame: bytes) -> Iterator[Action]:
        if fault.kind == "duplicate":
            yield Send(frame)
        elif fault.kind == "drain":
            yield Send(DRAIN)
        else:
            yield Send(BYE)
            yield Leave("end")
