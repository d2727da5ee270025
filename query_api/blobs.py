"""`GET /v1/blobs/{id}`: large content, for whoever may see a transcript or the files that refer to it."""

import re

from starlette.requests import Request
from starlette.responses import Response

from events.store import EventStore
from projectors.read_models import ReadModels
from query_api.conditional import not_modified
from query_api.inert import INERT, disposition, media_type_of
from query_api.parameters import line
from query_api.visibility import Visibility, unseen
from runtime.errors import NotFound, Unavailable
from runtime.identity import Caller

REFERRERS = 50
"""How many referring topics of a kind are looked at; a request that names its topic needs only that one."""

# The content under an id never changes; who may read it may.
KEPT_LONG = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Vary": "Authorization, Cookie",
}

_BLOB_ID = re.compile(r"[0-9a-f]{64}")


class BlobAnswers:
    def __init__(self, models: ReadModels, store: EventStore, visibility: Visibility) -> None:
        self._models = models
        self._store = store
        self._visibility = visibility

    async def blob(self, request: Request, caller: Caller) -> Response:
        blob_id: str = request.path_params["id"]
        if not _BLOB_ID.fullmatch(blob_id) or not await self._visible(request, caller, blob_id):
            raise unseen()
        tag = f'"{blob_id}"'
        if held := not_modified(request, tag, KEPT_LONG):
            return held
        content = await self._store.get_blob(blob_id)
        if content is None:
            raise Unavailable("The content is not in the object store at the moment; try again.")
        return Response(
            content,
            media_type=media_type_of(content),
            headers={
                "ETag": tag,
                "Content-Disposition": disposition(blob_id, content),
                **KEPT_LONG,
                **INERT,
            },
        )

    async def _visible(self, request: Request, caller: Caller, blob_id: str) -> bool:
        """Whether one of the topics that refer to the blob is the caller's to see."""
        session_id = line(request.query_params, "session_id", longest=63)
        task_id = line(request.query_params, "task_id", longest=63)
        named = [f"transcript/{session_id}"] if session_id else []
        named += [f"files/{task_id}"] if task_id else []
        for topic in named:
            await self._visibility.topic(caller, topic)
            if await self._models.ask.names_blob(topic, blob_id):
                return True
        if named:
            return False
        for topic in await self._models.ask.blob_referrers(blob_id, limit=REFERRERS):
            try:
                await self._visibility.topic(caller, topic)
            except NotFound:
                continue
            return True
        return False
