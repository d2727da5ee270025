"""Whose files are looked at, and for how long."""

import asyncio

import pytest

from events.ids import TaskId
from workflows import file_watch
from workflows.file_watch import FileWatch

BUILDING, STANDING = TaskId("task_building"), TaskId("task_standing")


class Looks:
    """Counts them."""

    def __init__(self) -> None:
        self.seen: list[TaskId] = []
        self.watch = FileWatch(self.look)

    async def look(self, task_id: TaskId) -> None:
        self.seen.append(task_id)

    async def until(self, task_id: TaskId, times: int) -> None:
        async with asyncio.timeout(20):
            while self.seen.count(task_id) < times:
                await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "WATCH_SECONDS", 0)
    monkeypatch.setattr(file_watch, "WATCH_REST", 0)


async def test_what_is_at_work_is_watched_until_it_ends() -> None:
    looks = Looks()
    running = asyncio.create_task(looks.watch.run())

    with looks.watch.during(BUILDING):
        await looks.until(BUILDING, 3)
    looks.watch.after_a_sign(STANDING)
    await looks.until(STANDING, 2)
    seen = looks.seen.count(BUILDING)
    await looks.until(STANDING, 5)

    assert looks.seen.count(BUILDING) == seen
    running.cancel()


async def test_what_goes_on_is_watched_for_a_while_after_it_did_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = Looks()
    running = asyncio.create_task(looks.watch.run())

    with looks.watch.during(BUILDING):
        monkeypatch.setattr(file_watch, "AFTERWARDS_SECONDS", 0)
        looks.watch.after_a_sign(STANDING)
        await looks.until(BUILDING, 5)
        assert looks.seen.count(STANDING) == 1

        monkeypatch.setattr(file_watch, "AFTERWARDS_SECONDS", 60)
        looks.watch.after_a_sign(STANDING)
        await looks.until(STANDING, 4)

    running.cancel()
