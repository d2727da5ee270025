"""`close()` leaves nothing behind, whatever the manager was doing."""

import asyncio
import gc
import os
from contextlib import suppress
from pathlib import Path

import pytest

from foundry_client import Foundry, Problem
from tests.clients.chaos import playing
from tests.clients.following import Following, state_of
from tests.clients.recordings import TASK, WORKSPACE, a_working_day
from tests.system.node_process import NodeProcess

MANY = 20


class Remains:
    """The tasks, timers and sockets there are now, against those there were."""

    def __init__(self) -> None:
        self._before = self._count()

    @property
    def nothing(self) -> bool:
        return self._count() == self._before

    def _count(self) -> tuple[set[str], int, int]:
        gc.collect()
        tasks = {task.get_name() for task in asyncio.all_tasks()}
        timers = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009
        waiting = [timer for timer in timers if not timer.cancelled()]
        return tasks, len(waiting), open_sockets()


def open_sockets() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        # The descriptor of this listing itself is gone when it is looked at.
        with suppress(FileNotFoundError):
            count += os.readlink(entry).startswith("socket:")
    return count


async def test_a_live_manager_leaves_nothing(system: NodeProcess) -> None:
    remains = Remains()
    async with Foundry(system.address, token=system.token) as foundry:
        app = Following(foundry, "app")
        await foundry.command("organization.create", {"name": "Left"})
        await app.until(lambda data: data["user"])
        await state_of(foundry, "live")
        app.subscription.close()
        Following(foundry, "task/task_none", live="bootstrap-only")
        assert not remains.nothing

    assert remains.nothing
    assert foundry.state == "closed"


@pytest.mark.parametrize("plan", ["cut@10", "503", "stall@40", "401", "tear@1", "cut@700"])
@pytest.mark.parametrize("waits", [True, False])
async def test_closing_in_the_middle_of_anything_leaves_nothing(plan: str, waits: bool) -> None:
    async with playing(a_working_day()) as proxy:
        foundry = Foundry(proxy.under(plan))
        told = asyncio.Event()
        foundry.on("log", lambda entry: told.set())
        for topic in (WORKSPACE, TASK):
            foundry.subscribe(topic)
        if waits:
            await asyncio.wait_for(told.wait(), 20)

        await foundry.close()

        assert foundry.state == "closed"
        assert not own_tasks()


async def test_many_lives_leave_nothing(system: NodeProcess) -> None:
    remains = Remains()
    for number in range(MANY):
        foundry = Foundry(system.address, token=system.token)
        following = Following(foundry, "app")
        if number % 2:
            await following.until(lambda data: data["user"])
        await foundry.close()
        await foundry.close()

    assert remains.nothing


async def test_who_waits_is_told_that_it_was_closed(system: NodeProcess) -> None:
    foundry = Foundry(system.address, token=system.token)
    waiting = [
        asyncio.create_task(foundry.at_least(10**9, "app", within=60)),
        asyncio.create_task(foundry.command("organization.create", {"name": "Cut short"})),
    ]
    await asyncio.sleep(0)

    await foundry.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [one.code for one in outcomes if isinstance(one, Problem)] == ["closed", "closed"]
    with pytest.raises(Problem, match="closed"):
        foundry.subscribe("app")
    with pytest.raises(Problem, match="closed"):
        await foundry.command("organization.create", {"name": "Too late"})


def own_tasks() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith("foundry ")]
