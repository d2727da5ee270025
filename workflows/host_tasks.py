"""The tasks whose sandbox is on this host, taken up where an earlier life, or somebody else's doubt, left them."""

import logging
from functools import partial

from commands.directory import Directory
from events.ids import RepositoryId, TaskId
from runtime.errors import FoundryError
from workflows.file_capture import FileCapture
from workflows.host_watch import HostWatch
from workflows.once_answered import once_answered
from workflows.sessions import Sessions
from workflows.task_processes import TaskProcesses

log = logging.getLogger(__name__)


class HostTasks:
    def __init__(
        self,
        *,
        directory: Directory,
        sessions: Sessions,
        processes: TaskProcesses,
        files: FileCapture,
        hosts: HostWatch,
        host: str,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._processes = processes
        self._files = files
        self._hosts = hosts
        self._host = host

    async def recover(self) -> None:
        """Take up all of them: turns that were cut end as interrupted."""
        for task_id in self._directory.tasks_on(self._host):
            try:
                await once_answered(partial(self._take_up, task_id))
            except FoundryError as error:
                # A history that cannot be read keeps its own task waiting, and nobody else's.
                log.error(
                    "task is left as it is", extra={"task_id": task_id, "reason": error.detail}
                )

    async def take_up(self, task_id: TaskId) -> None:
        """Go on with a task whose history can be read again, if it is ours."""
        if task_id in self._directory.tasks_on(self._host):
            await self._take_up(task_id)

    async def look_at_files(self, repository_id: RepositoryId) -> None:
        """Somebody asked for a fresh look at the repository: the working trees of it here are part of that."""
        here = set(self._directory.tasks_on(self._host))
        for task_id in await self._directory.tasks_of(repository_id):
            if task_id in here:
                self._files.request(task_id)

    async def _take_up(self, task_id: TaskId) -> None:
        await self._sessions.interrupt(task_id)
        await self._hosts.is_back(task_id)
        self._sessions.wake(task_id)
        await self._processes.recover(task_id)
        self._processes.wake(task_id)
        self._files.request(task_id)
