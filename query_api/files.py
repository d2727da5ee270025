"""Captured patches and contents: `GET /v1/diffs/{task_id}` and `GET /v1/files/{task_id}/content`. Stored state only."""

from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from events.fact import Blob
from events.ids import TaskId
from events.store import EventStore
from events.task_files import CONTENT_BYTES, PATCH_BYTES, TOTAL_BYTES
from projectors.read_models import ReadModels
from query_api.asked import WAIT_SECONDS, caught_up
from query_api.conditional import KEPT, current_etag, not_modified
from query_api.inert import INERT, disposition, media_type_of
from query_api.parameters import path as named_path
from query_api.parameters import required_path
from query_api.visibility import Visibility, unseen
from runtime.errors import NotFound, Unavailable
from runtime.identity import Caller

LONGEST_PATH = 4096
PATCH = "text/x-diff; charset=utf-8"


class Captured(Struct, frozen=True):
    """A task's captured files, under the tag of their topic; `held` is the answer if the client has them.

    One tag is that of all paths, so a client that holds it may ask for a path that is none.
    """

    task_id: TaskId
    headers: Mapping[str, str]
    held: Response | None


class FileAnswers:
    def __init__(self, models: ReadModels, store: EventStore, visibility: Visibility) -> None:
        self._models = models
        self._store = store
        self._visibility = visibility

    async def diff(self, request: Request, caller: Caller) -> Response:
        path = named_path(request.query_params, "path", longest=LONGEST_PATH)
        captured = await self._captured(request, caller)
        if not path:
            if captured.held:
                return captured.held
            patches = await self._models.ask.diffs(captured.task_id)
            return StreamingResponse(
                self._joined(patches), media_type=PATCH, headers=captured.headers
            )
        patch = await self._models.ask.diff(captured.task_id, path)
        if patch is None:
            raise await self._no_patch(captured.task_id, path)
        if captured.held:
            return captured.held
        return Response(await self._bytes(patch), media_type=PATCH, headers=captured.headers)

    async def content(self, request: Request, caller: Caller) -> Response:
        path = required_path(request.query_params, "path", longest=LONGEST_PATH)
        captured = await self._captured(request, caller)
        stored = await self._models.ask.content(captured.task_id, path)
        if stored is None:
            raise await self._no_content(captured.task_id, path)
        if captured.held:
            return captured.held
        content = await self._bytes(stored)
        return Response(
            content,
            media_type=media_type_of(content),
            headers={**captured.headers, "Content-Disposition": disposition(path, content)},
        )

    async def _no_patch(self, task_id: TaskId, path: str) -> NotFound:
        if await self._models.ask.has_changed(task_id, path):
            return NotFound(
                "The patch of that path was too long to be captured: over"
                f" {PATCH_BYTES >> 20} MB, or over {TOTAL_BYTES >> 20} MB with those before it."
            )
        return NotFound("There is no patch of that path: it did not differ at the last capture.")

    async def _no_content(self, task_id: TaskId, path: str) -> NotFound:
        if not await self._models.ask.has_changed(task_id, path):
            return NotFound("There is no content of that path: only changed files are captured.")
        if await self._models.ask.is_in_tree(task_id, path):
            return NotFound(
                "The content of that path was too large to be captured: over"
                f" {CONTENT_BYTES >> 20} MB, or over {TOTAL_BYTES >> 20} MB with those before it."
            )
        return NotFound("There is no content of that path: it was deleted, or is a repository.")

    async def _captured(self, request: Request, caller: Caller) -> Captured:
        await caught_up(request, self._models, self._visibility, caller)
        task_id = TaskId(request.path_params["task_id"])
        topic = await self._visibility.topic(caller, f"files/{task_id}")
        # Taken before anything is read: what is newer than its tag is only asked for once more.
        tag = await current_etag(self._models, topic)
        if tag is None:
            # The write side knows the task already, so its rows are only a moment away.
            await self._models.reached(await self._store.head(), within=WAIT_SECONDS)
            tag = await current_etag(self._models, topic)
        if tag is None:
            raise unseen()
        return Captured(task_id, {"ETag": tag, **KEPT, **INERT}, not_modified(request, tag))

    async def _joined(self, patches: Sequence[str | Blob]) -> AsyncIterator[bytes]:
        """One file's patch after the other, so that only one large one is in memory at a time."""
        for patch in patches:
            body = await self._bytes(patch)
            if body:
                yield body if body.endswith(b"\n") else body + b"\n"

    async def _bytes(self, stored: str | Blob) -> bytes:
        if isinstance(stored, str):
            return stored.encode()
        content = await self._store.get_blob(stored.id)
        if content is None:
            raise Unavailable("The content is not in the object store at the moment; try again.")
        return content
