"""Keeps the stored git state of tasks up to date: captured after each turn, never on a read."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence

from commands.aggregates import Aggregates
from commands.task import TASK
from commands.task_reports import files_captured, tree_changed
from commands.task_state import Task
from events.fact import Blob
from events.ids import TaskId
from events.store import EventStore, subject_of
from events.task import ChangedFile, TreeChanged, TreeFile
from runtime.errors import FoundryError
from runtime.logs import log_fields
from workflows.agent_pool import sandbox_of
from workflows.git import GitFailed
from workflows.sandbox import Captured, CapturedFile, SandboxProvider
from workflows.steady_reports import SteadyReports

log = logging.getLogger(__name__)

INLINE_FILE_BYTES = 8 * 1024
INLINE_BYTES = 96 * 1024
TREE_PART = 2000
AT_ONCE = 2


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
        self._providers = providers
        self._wanted: dict[TaskId, None] = {}
        self._wake = asyncio.Event()
        self._locks: dict[TaskId, asyncio.Lock] = {}

    def request(self, task_id: TaskId) -> None:
        """Capture this task's files soon."""
        self._wanted[task_id] = None
        self._wake.set()

    async def run(self) -> None:
        """Serve requests until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._serve(), name="file capture")

    async def capture(self, task_id: TaskId) -> None:
        """Capture now, and store what differs from what is stored. Raises `GitFailed`."""
        async with self._locks.setdefault(task_id, asyncio.Lock()):
            task = (await self._aggregates.load(TASK, task_id)).state
            if isinstance(task, Task) and task.sandbox is not None and task.sandbox.base:
                await self._capture(task, task.sandbox.base)
            if not isinstance(task, Task) or task.over:
                self._locks.pop(task_id, None)

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            if not self._wanted:
                self._wake.clear()
                continue
            task_id = next(iter(self._wanted))
            del self._wanted[task_id]
            with log_fields(task_id=task_id):
                try:
                    await self.capture(task_id)
                except (FoundryError, GitFailed, OSError) as error:
                    log.warning("files could not be captured", extra={"reason": str(error)})

    async def _capture(self, task: Task, base: str) -> None:
        provider = self._providers[task.sandbox.provider if task.sandbox else ""]
        captured = await provider.capture(sandbox_of(task), base=base, unless=task.tree_id)
        if captured is None:
            return
        files = await self._changed_files(captured.files)
        put, removed = _difference(await self._stored_tree(task.task_id), captured)
        await self._store_tree(task, put, removed)
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: files_captured(
                now, base=captured.base, tree_id=captured.tree_id, files=files
            ),
            report_id=f"{task.task_id}/files/{secrets.token_hex(6)}",
        )

    async def _store_tree(
        self, task: Task, put: Sequence[TreeFile], removed: Sequence[str]
    ) -> None:
        for start in range(0, len(removed), TREE_PART):
            await self._store_part(task, removed=removed[start : start + TREE_PART])
        for start in range(0, len(put), TREE_PART):
            await self._store_part(task, put=put[start : start + TREE_PART])

    async def _store_part(
        self, task: Task, *, put: Sequence[TreeFile] = (), removed: Sequence[str] = ()
    ) -> None:
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: tree_changed(now, put=put, removed=removed),
            report_id=f"{task.task_id}/tree/{secrets.token_hex(6)}",
        )

    async def _stored_tree(self, task_id: TaskId) -> dict[str, int]:
        tree: dict[str, int] = {}
        for recorded in await self._store.load(subject_of("task", task_id)):
            for event in recorded.commit.events:
                if isinstance(event, TreeChanged):
                    tree.update((file.path, file.size) for file in event.put)
                    for path in event.removed:
                        tree.pop(path, None)
        return tree

    async def _changed_files(self, files: Sequence[CapturedFile]) -> list[ChangedFile]:
        """What stands in the log: small patches and contents themselves, large ones as blobs."""
        room = INLINE_BYTES
        changed = []
        for file in files:
            diff, diff_blob = await self._kept(file.patch, room)
            room -= len(diff or "")
            content, content_blob = await self._kept_bytes(file.content, room)
            room -= len(content or "")
            changed.append(
                ChangedFile(
                    path=file.path,
                    kind=file.kind,
                    added=file.added,
                    removed=file.removed,
                    binary=file.binary,
                    diff=diff,
                    diff_blob=diff_blob,
                    content=content,
                    content_blob=content_blob,
                )
            )
        return changed

    async def _kept(self, text: str | None, room: int) -> tuple[str | None, Blob | None]:
        if text is None or len(text) <= min(room, INLINE_FILE_BYTES):
            return text, None
        return None, await self._store.put_blob(text.encode())

    async def _kept_bytes(self, content: bytes | None, room: int) -> tuple[str | None, Blob | None]:
        if content is None:
            return None, None
        if len(content) <= min(room, INLINE_FILE_BYTES):
            try:
                return content.decode(), None
            except UnicodeDecodeError:
                pass
        return None, await self._store.put_blob(content)


def _difference(stored: Mapping[str, int], captured: Captured) -> tuple[list[TreeFile], list[str]]:
    current = {file.path: file.size for file in captured.tree}
    put = [file for file in captured.tree if stored.get(file.path) != file.size]
    return put, [path for path in stored if path not in current]
