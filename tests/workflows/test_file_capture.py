"""When a capture is made, and what becomes of one that cannot be made."""

import asyncio

import pytest

from commands.task import TASK
from events.commit import Event
from events.ids import TaskId
from events.task import IssueRaised
from events.task_files import FilesOutdated
from runtime.errors import Rejected
from tests import facts
from tests.workflows.desk import Broken, Desk, Fixed, always, others_go_on
from workflows import file_capture
from workflows.sandbox import Captured, Sandbox


async def test_a_sandbox_that_is_gone_is_an_issue_once_and_none_of_a_task_put_away() -> None:
    class Gone(Fixed):
        async def capture(
            self, sandbox: Sandbox, *, base: str, unless: str | None = None
        ) -> Captured | None:
            raise Rejected("The sandbox is not there (any more).", code="sandbox_gone")

    def issues(events: list[Event]) -> list[str]:
        return [event.code for event in events if isinstance(event, IssueRaised)]

    desk, over = Desk(local=Gone()), Desk(local=Gone())
    await desk.begin()
    await over.begin()
    ending: list[Event] = [facts.task_archive_requested()]
    await over.reports.report(TASK, facts.TASK, always(ending), report_id="over")

    for _ in range(2):
        await desk.files.attempt(facts.TASK)
        await over.files.attempt(facts.TASK)

    assert issues(await desk.events()) == ["sandbox_gone"]
    assert issues(await over.events()) == []


async def test_a_capture_that_meets_a_defect_keeps_nobody_else_from_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Garbled(Fixed):
        async def capture(
            self, sandbox: Sandbox, *, base: str, unless: str | None = None
        ) -> Captured | None:
            self.looks += 1
            raise ValueError("The output of git ends within a change.")

    provider = Garbled()
    desk = Desk(local=provider)
    await desk.begin()
    running = asyncio.create_task(desk.files.run())
    try:
        async with asyncio.timeout(20):
            while provider.looks < 2:
                desk.files.request(facts.TASK)
                await asyncio.sleep(0)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])

    [said] = [event.status for event in await desk.events() if isinstance(event, FilesOutdated)]
    assert said == "stale"
    assert "capture failed in the worker itself" in caplog.messages


async def test_nobody_looks_at_a_working_tree_that_is_being_removed() -> None:
    desk = Desk(local=Broken())
    await desk.begin()

    async with desk.files.still(facts.TASK):
        look = asyncio.create_task(desk.files.attempt(facts.TASK))
        await others_go_on()
        gone: list[Event] = [facts.sandbox_released()]
        await desk.reports.report(TASK, facts.TASK, always(gone), report_id="gone")
    await look

    assert not any(isinstance(event, FilesOutdated) for event in await desk.events())


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ([facts.sandbox_allocated(), facts.sandbox_ready()], ["queued"]),
        ([facts.sandbox_allocated()], []),
    ],
)
async def test_what_waits_for_a_lane_is_said_to_be_queued_if_there_is_something_to_look_at(
    monkeypatch: pytest.MonkeyPatch, history: list[Event], told: list[str]
) -> None:
    monkeypatch.setattr(file_capture, "SLOW_SECONDS", 0)
    desk = Desk(local=Fixed())
    given: list[Event] = [facts.task_created(), facts.session_created(), *history]
    await desk.reports.report(TASK, facts.TASK, always(given), report_id="given")

    async with desk.files.still(TaskId("task_2")), desk.files.still(TaskId("task_3")):
        serving = asyncio.create_task(desk.files.run())
        for task in ("task_2", "task_3", facts.TASK):
            desk.files.request(TaskId(task))
        await others_go_on()
        serving.cancel()
        await asyncio.wait([serving])

    outdated = [event for event in await desk.events() if isinstance(event, FilesOutdated)]
    assert [event.status for event in outdated] == told


async def test_a_sandbox_whose_provider_is_not_known_here_any_more_does_not_end_the_captures() -> (
    None
):
    desk = Desk()
    await desk.begin()
    serving = asyncio.create_task(desk.files.run())

    desk.files.request(facts.TASK)
    async with asyncio.timeout(20):
        while not any(isinstance(event, FilesOutdated) for event in await desk.events()):
            await asyncio.sleep(0)

    assert not serving.done()
    serving.cancel()
    await asyncio.wait([serving])
