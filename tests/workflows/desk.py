"""A task with a sandbox as its captures see it, and what finds files there."""

import asyncio
from collections.abc import Callable

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from events.commit import Commit, Event
from events.ids import Timestamp
from events.memory import MemoryStore
from events.store import subject_of
from events.task_files import TreeFile
from tests import facts
from workflows.file_capture import FileCapture
from workflows.git import GitFailed
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import Captured, CapturedFile, Checkout, ExistingBranch, NewBranch, Sandbox
from workflows.steady_reports import SteadyReports


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


async def others_go_on() -> None:
    """Long enough for a look that nothing keeps from it."""
    for _ in range(100):
        await asyncio.sleep(0)
