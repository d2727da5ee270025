"""Stored messages by place: one, the last of a subject, or all of a subject; each becomes a `Recorded`."""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from events import codec
from events.commit import Recorded
from events.ids import Position
from events.jetstream_api import PREFIX, ApiError, ErrorBody, JetStreamApi
from events.store import ALL, Limit
from runtime.inbox import Answer, NoAnswer, status_of
from runtime.nats_headers import field, number_in, status_in, value_in

MESSAGE_ID = "Nats-Msg-Id"
MESSAGE_ID_FIELD = field(MESSAGE_ID)
SUBJECT = field("Nats-Subject")
SEQUENCE = field("Nats-Sequence")
LAST_SEQUENCE = field("Nats-Last-Sequence")
"""The sequence of the message before this one in the answer to the same request."""
PENDING = field("Nats-Num-Pending")

PAGE_MESSAGES = 1000
PAGE_BYTES = 2 * 1024 * 1024
PAGE_STEP = 4
"""The factor by which a page shrinks when it did not come in time, and grows when it did."""

PAGES_AT_ONCE = 16
"""With `PAGE_BYTES` it bounds the memory of all loads for pages that are still arriving."""

NOT_FOUND = "404"
END_OF_BATCH = "204"


class _Stored(Struct, frozen=True):
    subject: str
    seq: int
    data: bytes = b""
    hdrs: bytes = b""


class _Answer(Struct, frozen=True):
    message: _Stored


class Messages:
    """Reads single messages and histories of the stream.

    What is newest the leader is asked for (`STREAM.MSG.GET`). A direct get is answered by any
    replica, which may not have heard of a commit yet that was acknowledged; and where there is only
    one, behind all commits that wait there to be flushed. Direct gets carry single places and the
    bulk of a history, whose end the leader then confirms if there are several. A leader that was
    cut off from its peers may still answer old for some seconds: whoever decides proves it by
    appending.
    """

    def __init__(self, api: JetStreamApi, *, replicated: bool) -> None:
        self._api = api
        self._replicated = replicated
        self._slots = asyncio.Semaphore(PAGES_AT_ONCE)
        self._page_messages = PAGE_MESSAGES

    async def last(self, subject: str) -> Recorded | None:
        return await self._from_leader({"last_by_subj": subject})

    async def at(self, position: Position) -> Recorded | None:
        if position <= 0:
            return None
        found = await self._direct("", msgspec.json.encode({"seq": position}))
        if found is None and self._replicated:
            return await self._from_leader({"seq": position})
        return found

    async def next(self, after: Position, subject: str = ">") -> Recorded | None:
        """The first message after a position, as the leader knows it."""
        return await self._from_leader({"seq": after + 1, "next_by_subj": subject})

    async def history(
        self, subject: str, *, after: Position, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        found: list[Recorded] = []
        more = True
        while more and not limit.reached:
            page, more = await self._page(subject, after, limit.commits)
            wanted = limit.of(page)
            limit = limit.after(wanted)
            found += wanted
            after = found[-1].position if found else after
        if self._replicated:
            while not limit.reached and (newer := await self.next(after, subject)) is not None:
                limit = limit.after([newer])
                found.append(newer)
                after = newer.position
        return found

    async def _page(self, subject: str, after: Position, most: int) -> tuple[list[Recorded], bool]:
        """The next messages of a subject in one round trip, at most `most`, and whether there are more."""

        async def once(within: float, at_most: float) -> tuple[list[Recorded], bool]:
            asked = self._page_messages
            body = {
                "seq": after + 1,
                "next_by_subj": subject,
                "batch": min(asked, most),
                "max_bytes": PAGE_BYTES,
            }
            # Over a slow way a whole page may take longer than is waited for, however often it is
            # asked for: what did not come is asked for in smaller pieces.
            self._page_messages = max(1, asked // PAGE_STEP)
            page = _Page(subject)
            await self._api.connection.collect(
                f"{PREFIX}.DIRECT.GET.{self._api.stream}",
                msgspec.json.encode(body),
                take=page.take,
                within=within,
                at_most=at_most,
            )
            self._page_messages = min(PAGE_MESSAGES, asked * PAGE_STEP)
            return page.complete()

        async with self._slots:
            return await self._api.patiently(once)

    async def _direct(self, place: str, body: bytes) -> Recorded | None:
        async def once(within: float, at_most: float) -> Recorded | None:
            answer = await self._api.connection.request(
                f"{PREFIX}.DIRECT.GET.{self._api.stream}{place}",
                body,
                within=within,
                at_most=at_most,
            )
            match status_of(answer):
                case None:
                    return _content(value_in(answer.header, SUBJECT), answer)
                case status if status == NOT_FOUND:
                    return None
                case _:
                    raise _refusal(answer)

        return await self._api.patiently(once)

    async def _from_leader(self, place: dict[str, object]) -> Recorded | None:
        try:
            answer = await self._api.call(f"STREAM.MSG.GET.{self._api.stream}", place, _Answer)
        except ApiError as error:
            if error.not_found:
                return None
            raise
        stored = answer.message
        return recorded(
            Position(stored.seq),
            stored.subject,
            value_in(stored.hdrs, MESSAGE_ID_FIELD),
            stored.data,
        )


def recorded(position: Position, subject: str, stored_id: str, body: bytes) -> Recorded:
    return Recorded(
        position=position,
        subject=subject,
        message_id=stored_id.removeprefix(f"{subject}/"),
        body=body,
        decode=codec.decode,
    )


def stored_id(subject: str, message_id: str) -> str:
    """The `Nats-Msg-Id` header: the server remembers ids per stream, ours are unique per subject."""
    return f"{subject}/{message_id}"


class _Page:
    """The messages of one answer, each decoded as it comes, while the server sends the next."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._found: list[Recorded] = []
        self._last = 0
        self._lost = False
        self._end: Answer | None = None

    def take(self, answer: Answer) -> bool:
        """Take one message; True at the end. Each names the one before it, and the end names the last, so a loss shows."""
        header = answer.header
        if status_in(header) is not None:
            self._end = answer
            return True
        one = _content(self._subject, answer)
        if number_in(header, LAST_SEQUENCE) != self._last or one.position <= self._last:
            self._lost = True
        self._last = one.position
        self._found.append(one)
        # Decodes it; whoever looks at one that cannot be read is told then.
        codec.is_readable(one)
        return False

    def complete(self) -> tuple[list[Recorded], bool]:
        """The messages, and whether there are more."""
        assert self._end is not None
        status = status_of(self._end)
        if status == NOT_FOUND and not self._found:
            return [], False
        if status != END_OF_BATCH:
            raise _refusal(self._end)
        if self._lost or number_in(self._end.header, LAST_SEQUENCE) != self._last:
            raise NoAnswer(f"Messages are missing in the answer that ends with {self._last}.")
        return self._found, bool(self._found) and value_in(self._end.header, PENDING) != "0"


def _content(subject: str, answer: Answer) -> Recorded:
    header = answer.header
    return recorded(
        Position(number_in(header, SEQUENCE)),
        subject,
        value_in(header, MESSAGE_ID_FIELD),
        answer.data,
    )


def _refusal(answer: Answer) -> ApiError:
    status_line = answer.header.partition(b"\r\n")[0].decode(errors="replace")
    return ApiError(ErrorBody(code=int(status_of(answer) or 500), description=status_line))
