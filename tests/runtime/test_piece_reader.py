"""What comes is read whole and in order, whatever is called when; only how often it is copied differs."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.piece_reader import PieceReader


class Held(asyncio.Transport):
    """A transport that notes whether it may read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


async def test_a_piece_is_handed_on_as_it_came() -> None:
    reader = PieceReader(limit=16)
    reading = asyncio.create_task(reader.read(16))
    await asyncio.sleep(0)
    piece = b"longer than what was asked for"

    reader.feed_data(piece)

    assert await reading is piece


async def test_a_line_and_what_comes_with_it_are_read_one_after_the_other() -> None:
    reader = PieceReader(limit=64)
    reader.feed_data(b"INFO {}\r\nMSG")
    assert await reader.readline() == b"INFO {}\r\n"
    assert await reader.read(64) == b"MSG"

    reader.feed_data(b"PING\r\n")
    reader.feed_data(b"PONG\r\n")

    assert await reader.readline() == b"PING\r\n"
    assert await reader.readline() == b"PONG\r\n"


async def test_the_end_comes_behind_the_last_piece() -> None:
    reader = PieceReader(limit=64)
    reader.feed_data(b"first")
    assert await reader.read(64) == b"first"
    reader.feed_data(b"last")
    reader.feed_eof()

    assert not reader.at_eof()
    assert await reader.read(64) == b"last"
    assert reader.at_eof()
    assert await reader.read(64) == b""


async def test_what_breaks_is_told_to_whoever_reads() -> None:
    reader = PieceReader(limit=64)
    reading = asyncio.create_task(reader.read(64))
    await asyncio.sleep(0)

    reader.set_exception(ConnectionResetError("gone"))

    with pytest.raises(ConnectionResetError, match="gone"):
        await reading
    with pytest.raises(ConnectionResetError, match="gone"):
        await reader.read(64)


async def test_a_reader_that_is_behind_holds_the_connection_up() -> None:
    transport, reader = Held(), PieceReader(limit=4)
    reader.set_transport(transport)
    reader.feed_data(b"0")
    assert await reader.read(64) == b"0"

    for _ in range(3):
        reader.feed_data(b"12345")
    assert not transport.reads

    assert await reader.read(64) == b"12345" * 3
    assert cast("bool", transport.reads)


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.just(None)), max_size=30))
def test_nothing_is_lost_or_comes_twice(course: list[bytes | None]) -> None:
    """A piece that comes, or None: a read, while there is something to read."""

    async def run() -> None:
        reader, given_in, came_out = PieceReader(limit=8), b"", b""
        for step in course:
            if step is not None:
                reader.feed_data(step)
                given_in += step
            elif len(came_out) < len(given_in):
                came_out += await reader.read(8)
        reader.feed_eof()
        while not reader.at_eof():
            came_out += await reader.read(8)
        assert came_out == given_in

    asyncio.run(run())
