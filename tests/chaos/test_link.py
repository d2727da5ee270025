"""The proxy behaves as badly as it says, and no worse: bytes are late, held or gone with their connection, never changed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from chaos.link import Link, Trap, link

WITHIN = 20.0
LONG = 3600.0
"""Longer than the test."""


class Pair(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    async def hears(self, length: int) -> bytes:
        async with asyncio.timeout(WITHIN):
            return await self.reader.readexactly(length)

    async def hears_the_end(self) -> bytes:
        async with asyncio.timeout(WITHIN):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b"reset"


class Ends(NamedTuple):
    link: Link
    client: Pair
    server: Pair


@asynccontextmanager
async def connected() -> AsyncIterator[Ends]:
    """A client, a server and the link between them, with one connection open."""
    accepted: asyncio.Queue[Pair] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accepted.put(Pair(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server, link("127.0.0.1", server.sockets[0].getsockname()[1]) as between:
        client = Pair(*await asyncio.open_connection("127.0.0.1", between.port))
        async with asyncio.timeout(WITHIN):
            ends = Ends(between, client, await accepted.get())
        try:
            yield ends
        finally:
            for end in (ends.client, ends.server):
                end.writer.transport.abort()


async def test_it_carries_both_ways_and_hands_on_an_end_behind_the_last_byte() -> None:
    async with connected() as (_, client, server):
        await client.says(b"question")
        assert await server.hears(8) == b"question"
        await server.says(b"a" * 100_000)
        server.writer.close()

        assert await client.hears_the_end() == b"a" * 100_000


async def test_one_way_is_held_while_the_other_goes_on_and_nothing_is_missing_afterwards() -> None:
    async with connected() as (between, client, server):
        cut = asyncio.create_task(between.trouble("one_way_down", LONG))
        await asyncio.sleep(0)
        await client.says(b"question")
        assert await server.hears(8) == b"question"
        await server.says(b"first")
        await client.says(b"again")
        assert await server.hears(5) == b"again"
        assert not client.reader._buffer  # type: ignore[attr-defined]

        cut.cancel()
        between.heal()
        await server.says(b"second")

        assert await client.hears(11) == b"firstsecond"


async def test_lost_answers_never_come_and_their_connection_is_broken() -> None:
    async with connected() as (between, client, server):
        losing = asyncio.create_task(between.trouble("lost_answers", 0.0))
        await server.says(b"answer")
        await losing

        assert await client.hears_the_end() == b"reset"


async def test_a_half_open_connection_is_broken_at_the_server_and_the_client_hears_nothing() -> (
    None
):
    async with connected() as (between, client, server):
        half = asyncio.create_task(between.trouble("half_open", LONG))

        assert await server.hears_the_end() == b"reset"
        await client.says(b"are you there?")
        assert not client.reader.at_eof()

        half.cancel()


@pytest.mark.parametrize("passes", [True, False])
async def test_a_trap_springs_at_the_bytes_it_waits_for(passes: bool) -> None:
    async with connected() as (between, client, server):
        trap = Trap(re.compile(b"commit"), "up", passes=passes)
        between.arm(trap)
        await client.says(b"hello")
        assert await server.hears(5) == b"hello"
        assert not trap.sprung.is_set()

        await client.says(b"commit")
        async with asyncio.timeout(WITHIN):
            await trap.sprung.wait()

        if passes:
            assert await server.hears(6) == b"commit"
        between.reset()
        assert await server.hears_the_end() in (b"", b"reset")
