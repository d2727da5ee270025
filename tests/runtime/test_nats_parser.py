"""Our parser says of the same bytes what nats-py's own says, however the network cuts them."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from runtime.nats_parser import MessageParser

SUBJECTS = st.sampled_from((b"evt.task.task_1", b"_INBOX.a.1", b"x"))
CONTENTS = st.binary(max_size=40) | st.sampled_from(
    (b"", b"\r\n", b"MSG a 1 3\r\nabc\r\n", b"PING\r\n")
)
HEADERS = st.sampled_from(
    (b"NATS/1.0\r\n\r\n", b"NATS/1.0 100 Idle\r\nNats-Last-Consumer: 7\r\n\r\n")
)
RARE = st.sampled_from((b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b'INFO {"server_id":"a"}\r\n'))


class Heard:
    """What a parser told its client, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.sent_together = nullcontext

    async def _process_msg(self, *message: object) -> None:
        sid, subject, reply, content, header = message
        # nats-py says None where there is no header.
        self.told.append((sid, subject, reply, content, header or None))

    async def _process_ping(self) -> None:
        self.told.append(("ping",))

    async def _process_pong(self) -> None:
        self.told.append(("pong",))

    async def _process_info(self, info: dict[str, object]) -> None:
        self.told.append(("info", str(info)))


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    subject, content = draw(SUBJECTS), draw(CONTENTS)
    reply = draw(st.sampled_from((b"", b" $JS.ACK.EVENTS.c.1.5.5.0.0")))
    if draw(st.booleans()):
        return b"MSG %b 3%b %d\r\n%b\r\n" % (subject, reply, len(content), content)
    header = draw(HEADERS)
    size = len(header) + len(content)
    return b"HMSG %b 4%b %d %d\r\n%b%b\r\n" % (subject, reply, len(header), size, header, content)


async def told_by(
    parser: Parser, heard: Heard, pieces: Sequence[bytes]
) -> list[tuple[object, ...]]:
    for piece in pieces:
        await parser.parse(piece)
    return heard.told


@given(st.lists(messages() | RARE, max_size=12), st.lists(st.integers(1, 30), min_size=1))
@settings(deadline=None)
async def test_cut_anywhere_it_says_what_the_parser_of_nats_py_says(
    lines: list[bytes], sizes: list[int]
) -> None:
    read = b"".join(lines)
    pieces: list[bytes] = []
    while read:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(read[:size])
        read = read[size:]
    theirs, ours = Heard(), Heard()

    expected = await told_by(Parser(theirs), theirs, pieces)

    assert await told_by(MessageParser(ours), ours, pieces) == expected


async def test_a_sink_takes_the_messages_of_its_subscription_and_no_others() -> None:
    heard = Heard()
    parser = MessageParser(heard)
    taken: list[tuple[bytes, ...]] = []
    parser.sinks[4] = lambda *message: taken.append(message)

    await parser.parse(b"HMSG evt.a 4 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG evt.b 3 2\r\nyo\r\n")

    assert taken == [(b"evt.a", b"reply", b"NATS/1.0\r\n\r\n", b"hi")]
    assert heard.told == [(3, b"evt.b", b"", b"yo", None)]


async def test_what_a_lost_connection_left_behind_is_not_read_into_the_next_one() -> None:
    heard = Heard()
    parser = MessageParser(heard)

    await parser.parse(b"MSG evt.a 3 5\r\nhe")
    parser.reset()
    await parser.parse(b"PING\r\n")

    assert heard.told == [("ping",)]


async def test_bytes_behind_the_word_that_ended_the_connection_are_nobodys() -> None:
    class Reconnecting(Heard):
        async def _process_err(self, word: str) -> None:
            self.told.append((word,))
            parser.reset()

    heard = Reconnecting()
    parser = MessageParser(heard)

    await parser.parse(b"-ERR 'Stale Connection'\r\nMSG evt.a 3 2\r\nhi\r\n")
    await parser.parse(b"PONG\r\n")

    assert heard.told == [("'Stale Connection'",), ("pong",)]


@pytest.mark.parametrize(
    "line",
    [
        b"MSG evt.a\r\n",
        b"HMSG evt.a 4 x 12\r\n",
        b"HMSG evt.a 4 9 8\r\n",
        b"MSG evt.a three 2\r\n",
        # Taken for a size it would lead back to where this line begins, for ever.
        b"MSG evt.a 3 -18\r\n",
        b"MSG evt.a 3 " + b"9" * 5000 + b"\r\n",
        b"HELLO\r\n",
    ],
)
async def test_what_is_not_the_protocol_is_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await MessageParser(Heard()).parse(line)


FRAGMENTS = st.binary(max_size=10) | st.sampled_from(
    (
        b"MSG a 3 2\r\n",
        b"MSG a 3 -9\r\n",
        b"HMSG a 3 0 2\r\n",
        b"HMSG a b 3 12 13\r\n",
        b"\r\n",
        b"MSG ",
    )
)


@given(st.lists(FRAGMENTS, max_size=8))
def test_any_bytes_are_read_to_their_end_or_are_a_protocol_error(pieces: list[bytes]) -> None:
    async def read() -> None:
        parser = MessageParser(Heard())
        parser.sinks[3] = lambda subject, reply, header, content: None
        with suppress(ProtocolError):
            for piece in pieces:
                await parser.parse(piece)

    asyncio.run(read())
