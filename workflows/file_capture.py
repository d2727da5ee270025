"""Keeps the stored git state of tasks up to date: captured while something is at work on the files and after it, never on a read.

A quick capture is one fact, and none when nothing changed. Only when it has to wait or takes long
do people see `queued` or `running`, and `stale` when it failed.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from commands.aggregates import Aggregates
from commands.task import TASK
from commands.task_reports import files_captured, files_outdated, sandbox_gone, tree_changed
from commands.task_state import Task, TaskState
from events.ids import TaskId
from events.store import EventStore
from events.task import TaskEvent
from events.task_files import TreeFile
from runtime.errors import FoundryError, Unavailable
from runtime.keyed_locks import KeyedLocks
from runtime.logs import log_fields
from workflows.file_watch import FileWatch
from workflows.listed_files import json_bytes, listed_files
from workflows.sandbox import Captured, SandboxProvider, provider_named
from workflows.steady_reports import SteadyReports
from workflows.stored_trees import StoredTrees
from workflows.task_sandbox import sandbox_of

log = logging.getLogger(__name__)

TREE_BYTES = 64 * 1024
"""At most this much of the list of files goes into one commit."""

ENTRY_BYTES = 24
"""What a file takes of that besides its path."""
AT_ONCE = 2
SLOW_SECONDS = 1.0
"""A capture that is done sooner than this is not announced."""


class FileCapture:
    """`request` says that a task's files may have changed; requests for one task are coalesced."""

    def __init__(
        self,
        *,
        aggregates: Aggregates,
        reports: SteadyReports,
        store: EventStore,
        providers: Mapping[str, SandboxProvider],
    ) -> None:
        self._aggregates = aggregates
        self._reports = reports
        self._store = store
        self._trees = StoredTrees(store)
        self._providers = providers
        self._wanted: dict[TaskId, float] = {}
        self._running: dict[TaskId, float] = {}
        self.watch = FileWatch(self.attempt)
        self._wake = asyncio.Event()
        self._locks = KeyedLocks()

    def request(self, task_id: TaskId) -> None:
        """Capture this task's files soon."""
        self._wanted.setdefault(task_id, time.monotonic())
        self._wake.set()

    async def run(self) -> None:
        """Serve requests until cancelled; begun again when the log lost its end."""
        self._trees.forget_all()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._serve(), name="file capture")
            group.create_task(self.watch.run(), name="file watch")
            group.create_task(self._tell_what_takes_long(), name="file freshness")

    async def capture(self, task_id: TaskId) -> None:
        """Capture now, and store what differs from what is stored. Raises `GitFailed`, and leaves another look to `run` then."""
        try:
            await self._look(task_id)
        except Exception:
            # Whoever asked tells of their own failure; what is true of the files that look says.
            self.request(task_id)
            raise

    @asynccontextmanager
    async def still(self, task_id: TaskId) -> AsyncIterator[None]:
        """Inside, the task's files are not captured: a working tree that is half removed is not what the task made."""
        async with self._locks.of(task_id):
            yield

    def forget(self, task_id: TaskId) -> None:
        """The working tree is gone, most likely for good: forget what is known of it."""
        self._wanted.pop(task_id, None)
        self._trees.forget(task_id)

    async def attempt(self, task_id: TaskId) -> None:
        """Capture now; when that fails, the files stored are said to be stale, and the sandbox gone if it is.

        One task's failure is its own, a defect of this worker too: the others are looked at all the same.
        """
        with log_fields(task_id=task_id):
            try:
                await self._look(task_id)
            except (FoundryError, OSError) as error:
                log.warning("files could not be captured", extra={"reason": str(error)})
                gone = getattr(error, "code", None) == "sandbox_gone"
                await self._tell_stale(task_id, gone=gone)
            except Exception:
                log.exception("capture failed in the worker itself")
                await self._tell_stale(task_id, gone=False)

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            if not self._wanted:
                self._wake.clear()
                continue
            task_id = next(iter(self._wanted))
            del self._wanted[task_id]
            await self.attempt(task_id)

    async def _tell_what_takes_long(self) -> None:
        while True:
            await asyncio.sleep(SLOW_SECONDS)
            before = time.monotonic() - SLOW_SECONDS
            for waiting in (self._wanted, self._running):
                for task_id in [one for one, since in waiting.items() if since < before]:
                    await self._tell(task_id, partial(self._outdated, task_id))

    def _outdated(self, task_id: TaskId, task: TaskState) -> list[TaskEvent]:
        """Announce a capture that waits or takes long; nothing if it is over by now.

        Before the repository is checked out there is nothing to look at, and no capture would take the word
        back.
        """
        if not isinstance(task, Task) or task.sandbox is None or not task.sandbox.base:
            return []
        if task_id in self._running:
            return files_outdated(task, status="running")
        if task_id in self._wanted:
            return files_outdated(task, status="queued")
        return []

    async def _tell_stale(self, task_id: TaskId, *, gone: bool) -> None:
        await self._tell(
            task_id,
            lambda task: [
                *files_outdated(task, status="stale"),
                *(sandbox_gone(task) if gone else []),
            ],
        )

    async def _tell(self, task_id: TaskId, decide: Callable[[TaskState], list[TaskEvent]]) -> None:
        report_id = f"{task_id}/freshness/{secrets.token_hex(6)}"
        try:
            await self._reports.report(TASK, task_id, decide, report_id=report_id)
        except Unavailable as error:
            log.error("freshness cannot be told", extra={"reason": error.detail})

    async def _look(self, task_id: TaskId) -> None:
        async with self._locks.of(task_id):
            task = (await self._aggregates.load(TASK, task_id)).state
            if isinstance(task, Task) and task.sandbox is not None and task.sandbox.base:
                # Whoever asked until now asked for this look.
                asked = self._wanted.pop(task_id, None) is not None
                self._running[task_id] = time.monotonic()
                try:
                    await self._capture(task, task.sandbox.base)
                except BaseException as error:
                    # One that was cut off may have been announced, and nobody tells how it ended.
                    if asked or isinstance(error, asyncio.CancelledError):
                        self.request(task_id)
                    raise
                finally:
                    self._running.pop(task_id, None)
            else:
                self.forget(task_id)

    async def _capture(self, task: Task, base: str) -> None:
        assert task.sandbox is not None
        provider = provider_named(task.sandbox.provider, self._providers)
        # What is not fresh becomes so by the fact of a capture, though nothing changed.
        known = task.tree_id if task.files_status == "fresh" else None
        captured = await provider.capture(sandbox_of(task), base=base, unless=known)
        # From here on nobody says any more that it runs: what is said next is the result.
        self._running.pop(task.task_id, None)
        if captured is None:
            now = (await self._aggregates.load(TASK, task.task_id)).state
            if isinstance(now, Task) and now.files_status != "fresh":
                await self._capture(now, base)
            return
        files = await listed_files(self._store, captured.files)
        omitted = captured.omitted + len(captured.files) - len(files)
        put, removed = _difference(await self._trees.of(task.task_id), captured)
        *before, (put, removed) = _parts(put, removed)
        for part in before:
            await self._store_part(task, *part)
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: files_captured(
                now,
                base=captured.base,
                tree_id=captured.tree_id,
                files=files,
                omitted=omitted,
                tree_omitted=captured.tree_omitted,
                put=put,
                removed=removed,
            ),
            report_id=f"{task.task_id}/files/{secrets.token_hex(6)}",
        )

    async def _store_part(
        self, task: Task, put: Sequence[TreeFile], removed: Sequence[str]
    ) -> None:
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: tree_changed(now, put=put, removed=removed),
            report_id=f"{task.task_id}/tree/{secrets.token_hex(6)}",
        )


def _difference(stored: Mapping[str, int], captured: Captured) -> tuple[list[TreeFile], list[str]]:
    current = {file.path: file.size for file in captured.tree}
    put = [file for file in captured.tree if stored.get(file.path) != file.size]
    return put, [path for path in stored if path not in current]


def _parts(
    put: Sequence[TreeFile], removed: Sequence[str]
) -> list[tuple[list[TreeFile], list[str]]]:
    """A long list of differences in pieces that fit into a commit; at least one, the last beside the capture itself."""
    parts: list[tuple[list[TreeFile], list[str]]] = [([], [])]
    left = TREE_BYTES
    for path, file in (*((path, None) for path in removed), *((file.path, file) for file in put)):
        left -= json_bytes(path) + ENTRY_BYTES
        if left < 0:
            parts.append(([], []))
            left = TREE_BYTES
        if file is None:
            parts[-1][1].append(path)
        else:
            parts[-1][0].append(file)
    return parts
