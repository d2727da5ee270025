"""What is left behind on this host: sandboxes that no task has any more, half removed folders, processes, agents."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Literal

from commands.aggregates import Aggregates
from commands.decider import Absent
from commands.directory import Directory
from commands.task import TASK
from commands.task_state import Task, TaskState
from events.ids import TaskId
from runtime.errors import FoundryError
from workflows.agent_pool import AgentPool
from workflows.once_answered import once_answered
from workflows.sandbox import SandboxProvider
from workflows.task_sandbox import work_of

log = logging.getLogger(__name__)


class Leftovers:
    """`put_away` is told of each task that was archived or killed; `run` does the work."""

    def __init__(
        self,
        *,
        aggregates: Aggregates,
        directory: Directory,
        providers: Mapping[str, SandboxProvider],
        agents: AgentPool,
        host: str,
    ) -> None:
        self._aggregates = aggregates
        self._directory = directory
        self._providers = providers
        self._agents = agents
        self._host = host
        self._over: asyncio.Queue[TaskId] = asyncio.Queue()

    def put_away(self, task_id: TaskId) -> None:
        """Look soon for what is left here of an archived or killed task.

        While this host was taken for away, another may have given its sandbox up.
        """
        self._over.put_nowait(task_id)

    async def run(self) -> None:
        """Remove what an earlier life left, then what archived and killed tasks leave, until cancelled."""
        await self._clean()
        while True:
            task_id = await self._over.get()
            for provider in self._providers.values():
                await self._clean_after(provider, task_id)

    async def _clean(self) -> None:
        """What cannot be removed is left to the next start; nobody waits for it."""
        for provider in self._providers.values():
            try:
                await provider.tidy()
                for task_id in await self._orphans(provider):
                    await self._remove(provider, task_id)
            except (FoundryError, OSError) as error:
                log.warning(
                    "leftovers stay for now",
                    extra={"provider": provider.name, "reason": str(error)},
                )

    async def _clean_after(self, provider: SandboxProvider, task_id: TaskId) -> None:
        try:
            if task_id in await provider.orphans(()):
                await self._remove(provider, task_id)
        except (FoundryError, OSError) as error:
            log.warning(
                "leftovers stay for now", extra={"provider": provider.name, "reason": str(error)}
            )

    async def _orphans(self, provider: SandboxProvider) -> list[TaskId]:
        known = self._directory.tasks_on(self._host)
        orphans = await provider.orphans(known)
        if orphans and not known and not await self._any_is_known(orphans):
            # Another log was connected to this data folder: its work is not ours to throw away.
            log.error(
                "no sandbox of this host is known to the log; all are left alone",
                extra={"provider": provider.name, "sandboxes": len(orphans)},
            )
            return []
        return orphans

    async def _any_is_known(self, task_ids: list[TaskId]) -> bool:
        for task_id in task_ids:
            if isinstance((await self._aggregates.load(TASK, task_id)).state, Task):
                return True
        return False

    async def _remove(self, provider: SandboxProvider, task_id: TaskId) -> None:
        # At its head: the directory may not have heard of a sandbox that was allocated just now.
        at_head = partial(self._aggregates.confirmed, TASK, task_id)
        try:
            task = (await once_answered(at_head)).state
            branch = branch_of_orphan(task, host=self._host)
            if branch is None:
                return
            work = work_of(task) if isinstance(task, Task) else None
            for session_id in task.sessions if isinstance(task, Task) else ():
                await self._agents.end(session_id)
            await provider.release(task_id, branch=branch, work=work)
            log.info("orphaned sandbox removed", extra={"task_id": task_id, "branch": branch})
        except (FoundryError, OSError) as error:
            log.warning(
                "orphaned sandbox stays for now", extra={"task_id": task_id, "reason": str(error)}
            )


def branch_of_orphan(task: TaskState, *, host: str) -> Literal["keep", "delete"] | None:
    """What becomes of the branch of a sandbox that is to be removed; None when its task still has it here."""
    if isinstance(task, Absent):
        return "keep"
    if task.sandbox is None and not task.over:
        # After a cut of the log it is allocated once more, and may be so while it is being removed.
        return None
    if task.sandbox is not None and task.sandbox.host == host:
        return None
    return "delete" if task.status == "killed" and task.on_branch is None else "keep"
