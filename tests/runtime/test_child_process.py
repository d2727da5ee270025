"""The end of a process that somebody else may have started."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from runtime.child_process import ProcessIdentity, end, identity_of, until_ended


@pytest.fixture
async def process() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


def known(process: asyncio.subprocess.Process) -> ProcessIdentity:
    identity = identity_of(process.pid)
    assert identity is not None
    return identity


async def test_a_process_is_waited_for_until_it_ends(process: asyncio.subprocess.Process) -> None:
    waiting = asyncio.create_task(until_ended(known(process)))
    await asyncio.sleep(0)
    assert not waiting.done()

    process.kill()

    async with asyncio.timeout(20):
        await waiting


async def test_one_that_has_the_id_of_another_is_neither_waited_for_nor_ended(
    process: asyncio.subprocess.Process,
) -> None:
    earlier = known(process)
    earlier = replace(earlier, started=earlier.started - 1)

    async with asyncio.timeout(20):
        await until_ended(earlier)
        await end(earlier, within=1)

    assert identity_of(process.pid) is not None


async def test_one_that_does_not_obey_is_ended_by_force() -> None:
    stubborn = await asyncio.create_subprocess_exec(
        *("sh", "-c", "trap '' TERM; echo; exec sleep 1000"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert stubborn.stdout is not None
    await stubborn.stdout.readline()

    async with asyncio.timeout(20):
        await end(known(stubborn), within=0.1)
        assert await stubborn.wait() == -9
