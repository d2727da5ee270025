"""`GET /v1/views/{topic}`: one read of the projection's own rows."""

from collections.abc import Mapping

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from events.ids import Position, TaskId
from events.store import EventStore
from projectors.views import Snapshot, Views
from query_api.asked import WAIT_SECONDS, caught_up
from query_api.conditional import not_modified, tagged, unchanged
from query_api.etag import etag
from query_api.parameters import LARGEST as BEYOND_ALL
from query_api.parameters import page_size, position, whole_number, wrong
from query_api.task_past import TaskPasts
from query_api.visibility import Visibility, check_topic, unseen
from runtime.identity import Caller
from runtime.metrics import BOOTSTRAP_SECONDS

LARGEST_PAGE = 200
NO_QUERY: Mapping[str, str] = {}


class ViewAnswers:
    def __init__(
        self, views: Views, store: EventStore, visibility: Visibility, pasts: TaskPasts
    ) -> None:
        self._views = views
        self._store = store
        self._visibility = visibility
        self._pasts = pasts

    async def view(self, topic: str, request: Request, caller: Caller) -> Response:
        query = request.query_params
        check_topic(topic)
        check_parameters(topic, query)
        await caught_up(request, self._views, self._visibility, caller)
        stored = await self._visibility.topic(caller, topic)
        if (as_of := position(query, "as_of")) is not None:
            snapshot = await self._past(stored, as_of)
            tag = etag(snapshot.epoch, snapshot.version)
            return not_modified(request, tag) or tagged(tag, snapshot.document)
        if held := await unchanged(request, self._views, stored):
            return held
        with BOOTSTRAP_SECONDS.labels(topic.partition("/")[0]).time():
            snapshot = await self.present(stored, query)
        return tagged(etag(snapshot.epoch, snapshot.version), snapshot.document)

    async def _past(self, stored: str, as_of: Position) -> Snapshot:
        # A position nobody has reached yet is waited for like any other, then refused as one.
        await self._views.reached(as_of, within=WAIT_SECONDS)
        return await self._pasts.as_of(TaskId(stored.partition("/")[2]), as_of)

    async def present(self, stored: str, query: Mapping[str, str] = NO_QUERY) -> Snapshot:
        """A topic, under its stored name, as it is now; of a transcript a page of it when the query says so."""
        snapshot = await self._snapshot(stored, query)
        if snapshot is None:
            # The write side knows it already, so the rows are only a moment away, unless it has ended.
            await self._views.reached(await self._store.head(), within=WAIT_SECONDS)
            snapshot = await self._snapshot(stored, query)
        if snapshot is None:
            raise unseen()
        return snapshot

    async def _snapshot(self, stored: str, query: Mapping[str, str]) -> Snapshot | None:
        if "before" not in query and "limit" not in query:
            return await self._views.snapshot(stored)
        before, limit = _page(query)
        return await self._views.page(stored, before=before, limit=limit)


def check_parameters(topic: str, query: QueryParams) -> None:
    """Refuse what only another kind of topic can answer, rather than answer something else.

    Also what nothing can: before anybody is told that nothing changed.
    """
    kind = topic.partition("/")[0]
    for name, answering in (("before", "transcript"), ("limit", "transcript"), ("as_of", "task")):
        if name in query and kind != answering:
            raise wrong(name, f"is only for topics `{answering}/…`")
    _page(query)


def _page(query: Mapping[str, str]) -> tuple[int, int]:
    """Before which entry of a transcript its page ends, and how many it has."""
    before = whole_number(query, "before")
    limit = page_size(query, default=LARGEST_PAGE, largest=LARGEST_PAGE)
    return BEYOND_ALL if before is None else before, limit
