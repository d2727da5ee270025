"""What is stored of a capture, and what becomes of one that cannot be made."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec
import pytest

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from events.commit import Commit, Event, Recorded
from events.ids import BEGINNING, Position, TaskId, Timestamp
from events.memory import MemoryStore
from events.store import ALL, Limit, subject_of
from events.task import IssueRaised
from events.task_files import FilesCaptured, FilesOutdated, TreeChanged, TreeFile
from runtime.errors import Rejected
from tests import facts
from workflows import file_capture
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.git import GitFailed
from workflows.job_kind import JobContext
from workflows.local_sandbox import LocalSandboxes
from workflows.presence import Presence
from workflows.processes import Child
from workflows.sandbox import Captured, CapturedFile, Checkout, ExistingBranch, NewBranch, Sandbox
from workflows.sessions import Sessions
from workflows.steady_reports import SteadyReports
from workflows.stored_trees import StoredTrees
from workflows.task_ending import Ending
from workflows.task_processes import TaskProcesses
from workflows.task_provision import Provisioning

COMMIT_BYTES = 256 << 10


class Desk:
    """A task with a sandbox, and captures of it."""

    def __init__(self, store: MemoryStore | None = None, **providers: LocalSandboxes) -> None:
        self.store = store or MemoryStore()
        self.aggregates = Aggregates(self.store)
        self.reports = SteadyReports(Reports(self.store, self.aggregates, lambda: Timestamp(1)))
        self.files = FileCapture(
            aggregates=self.aggregates, reports=self.reports, store=self.store, providers=providers
        )

    async def begin(self, *further: Event) -> None:
        history: list[Event] = [
            facts.task_created(),
            facts.session_created(),
            facts.sandbox_allocated(),
            facts.sandbox_ready(),
            *further,
        ]
        await self.reports.report(TASK, facts.TASK, lambda now: history, report_id="given")

    async def commits(self) -> list[Commit]:
        return [one.commit for one in await self.store.load(subject_of("task", facts.TASK))]

    async def events(self) -> list[Event]:
        return [event for commit in await self.commits() for event in commit.events]


def always(events: list[Event]) -> Callable[[object], list[Event]]:
    return lambda now: events


class Broken(LocalSandboxes):
    """Has a working tree, of which git cannot say anything."""

    def __init__(self) -> None:
        """It has no place on any disk."""

    async def prepare(
        self, sandbox: Sandbox, *, remote_url: str, branch: NewBranch | ExistingBranch
    ) -> Checkout:
        return Checkout(branch=branch.name, base="b" * 40)

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        raise GitFailed("git add did not end within 120 seconds.", exit_code=None)


class Fixed(LocalSandboxes):
    """Finds the same files wherever it looks."""

    files: tuple[CapturedFile, ...] = ()
    tree: tuple[TreeFile, ...] = ()
    omitted = 0
    tree_omitted = 0
    looks = 0

    def __init__(self) -> None:
        """It has no place on any disk."""

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        self.looks += 1
        return Captured(
            base=base,
            tree_id=f"t{len(self.tree)}",
            files=self.files,
            tree=self.tree,
            omitted=self.omitted,
            tree_omitted=self.tree_omitted,
        )


class Committed(Fixed):
    """Git has nothing to say there: all is committed."""

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Child:
        return cast("Child", Silent())

    async def keeps(self, sandbox: Sandbox, commit: str, *, base: str) -> bool:
        return True


class Silent:
    """A command that ends at once, well and without a word."""

    def __init__(self) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    async def wait(self) -> int:
        return 0

    async def stop(self) -> int:
        return 0

    def close(self) -> None:
        """It has no pipes."""


async def test_the_files_of_a_small_tree_are_one_commit_with_the_capture() -> None:
    provider = Fixed()
    provider.tree = (TreeFile(path="a", size=1), TreeFile(path="b", size=2))
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    names = [type(event).__name__ for event in (await desk.commits())[-1].events]
    assert names == ["TreeChanged", "FilesCaptured"]


async def test_how_many_files_are_not_listed_is_told() -> None:
    provider = Fixed()
    provider.omitted, provider.tree_omitted = 5, 7
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    [captured] = (await desk.commits())[-1].events
    assert isinstance(captured, FilesCaptured)
    assert (captured.omitted, captured.tree_omitted) == (5, 7)


@pytest.mark.parametrize(
    ("path", "patch"),
    [
        ("{0:04}.txt", "+{0}\n"),
        ("{0:04}/" * 40, "+{0}\n"),
        ("{0:04}.txt", "\1" * 8000),
        ("\1{0:04}" * 30, "ü\n" * 4000),
    ],
)
async def test_of_many_changed_files_as_many_are_listed_as_a_commit_holds(
    path: str, patch: str
) -> None:
    provider = Fixed()
    provider.tree = tuple(TreeFile(path=f"\1{number:04}" * 40, size=1) for number in range(600))
    provider.files = tuple(
        CapturedFile(
            path=path.format(number),
            kind="added",
            added=1,
            removed=0,
            patch=patch.format(number),
            content=patch.format(number).encode(),
        )
        for number in range(3000)
    )
    provider.omitted = 5
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    captured = (await desk.commits())[-1].events[-1]
    assert isinstance(captured, FilesCaptured)
    assert len(captured.files) > 500
    assert len(captured.files) + captured.omitted == 3005
    assert [file.path for file in captured.files] == [
        file.path for file in provider.files[: len(captured.files)]
    ]


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


async def test_a_large_tree_with_long_paths_fits_into_commits_and_none_of_it_is_lost() -> None:
    provider = Fixed()
    provider.tree = tuple(TreeFile(path=f"{number:04}/" * 200, size=1) for number in range(600))
    desk = Desk(local=provider)
    await desk.begin()
    await desk.files.capture(facts.TASK)
    whole, provider.tree = provider.tree, ()

    await desk.files.capture(facts.TASK)

    changes = [event for event in await desk.events() if isinstance(event, TreeChanged)]
    assert [file for event in changes for file in event.put] == list(whole)
    assert [path for event in changes for path in event.removed] == [file.path for file in whole]
    assert max(len(msgspec.json.encode(one)) for one in await desk.commits()) < COMMIT_BYTES


async def test_a_capture_reads_what_came_since_the_last_one_and_not_the_whole_history() -> None:
    read: list[int] = []

    class Counting(MemoryStore):
        async def load(
            self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
        ) -> Sequence[Recorded]:
            found = await super().load(subject, after=after, limit=limit)
            read.append(len(found))
            return found

    provider = Fixed()
    desk = Desk(Counting(), local=provider)
    await desk.begin()
    for number in range(20):
        provider.tree = tuple(TreeFile(path=f"{one}", size=1) for one in range(number))
        read.clear()
        await desk.files.capture(facts.TASK)
        assert max(read) <= 4

    changes = [event for event in await desk.events() if isinstance(event, TreeChanged)]
    assert changes[-1].put == (TreeFile(path="18", size=1),)


async def test_stored_trees_are_kept_in_bounds_and_forgotten_with_the_end_of_the_log() -> None:
    store = MemoryStore()
    trees = StoredTrees(store, paths=3)
    desk = Desk(store)
    for task in (facts.TASK, TaskId("task_2")):
        change: list[Event] = [
            TreeChanged(
                task_id=task,
                organization_id=facts.ORGANIZATION,
                repository_id=facts.REPOSITORY,
                put=tuple(TreeFile(path=name, size=1) for name in "ab"),
            )
        ]
        await desk.reports.report(TASK, task, always(change), report_id=task)
        assert await trees.of(task) == {"a": 1, "b": 1}
    assert len(trees) == 1

    trees.forget_all()

    assert len(trees) == 0
    assert await trees.of(facts.TASK) == {"a": 1, "b": 1}


async def test_a_task_is_provisioned_though_its_files_cannot_be_captured() -> None:
    provider = Broken()
    desk = Desk(local=provider)
    await desk.begin()
    stages = Provisioning(
        aggregates=desk.aggregates,
        reports=desk.reports,
        providers={"local": provider},
        agents=cast("AgentPool", None),
        files=desk.files,
        host="host_1",
    )

    result = await stages.prepare_repository(job_of_task(name_ensured={"branch": "fix-login"}))

    assert result == {"base": "b" * 40}
    assert [event for event in await desk.events() if isinstance(event, FilesOutdated)]


def archiving(desk: Desk, provider: LocalSandboxes) -> Ending:
    return Ending(
        aggregates=desk.aggregates,
        reports=desk.reports,
        providers={"local": provider},
        sessions=cast("Sessions", None),
        presence=cast("Presence", None),
        host="h1",
        processes=cast("TaskProcesses", None),
        files=desk.files,
    )


def job_of_task(**results: dict[str, str]) -> JobContext:
    return JobContext(
        job_id=facts.JOB,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        task_id=facts.TASK,
        input={},
        results=results,
        correlation_id="c",
    )


async def test_an_archive_looks_at_the_files_once_more_and_nobody_has_to_after_it() -> None:
    provider = Committed()
    desk = Desk(local=provider)
    await desk.begin(facts.task_named(), facts.task_archive_requested())
    provider.tree = (TreeFile(path="last", size=1),)
    # All lanes are busy with the files of others.
    desk.files.request(facts.TASK)

    await archiving(desk, provider).commit_work(job_of_task())

    [*_, changed, captured] = await desk.events()
    assert isinstance(changed, TreeChanged)
    assert isinstance(captured, FilesCaptured)
    assert changed.put == provider.tree

    serving = asyncio.create_task(desk.files.run())
    await _others_go_on()
    serving.cancel()
    await asyncio.wait([serving])
    assert provider.looks == 1


async def _others_go_on() -> None:
    """Long enough for a look that nothing keeps from it."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_nobody_looks_at_a_working_tree_that_is_being_removed() -> None:
    desk = Desk(local=Broken())
    await desk.begin()

    async with desk.files.still(facts.TASK):
        look = asyncio.create_task(desk.files.attempt(facts.TASK))
        await _others_go_on()
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
        await _others_go_on()
        serving.cancel()
        await asyncio.wait([serving])

    outdated = [event for event in await desk.events() if isinstance(event, FilesOutdated)]
    assert [event.status for event in outdated] == told


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_a_look_of_a_job_that_was_announced_and_comes_to_nothing_is_made_good(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    class Long(Fixed):
        async def capture(
            self, sandbox: Sandbox, *, base: str, unless: str | None = None
        ) -> Captured | None:
            found = await super().capture(sandbox, base=base, unless=unless)
            if self.looks == 1:
                await may_fail.wait()
                raise GitFailed("git add did not end within 120 seconds.", exit_code=None)
            return found

    async def told() -> list[str]:
        return [
            "captured" if isinstance(event, FilesCaptured) else event.status
            for event in await desk.events()
            if isinstance(event, FilesCaptured | FilesOutdated)
        ]

    monkeypatch.setattr(file_capture, "SLOW_SECONDS", 0)
    may_fail = asyncio.Event()
    desk = Desk(local=Long())
    await desk.begin()
    serving = asyncio.create_task(desk.files.run())
    look = asyncio.create_task(desk.files.capture(facts.TASK))
    async with asyncio.timeout(20):
        while await told() != ["running"]:
            await asyncio.sleep(0)

    if end == "cancelled":
        look.cancel()
    else:
        may_fail.set()
    await asyncio.wait([look])
    await _others_go_on()

    serving.cancel()
    await asyncio.wait([serving])
    assert (await told())[-1] == "captured"


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
