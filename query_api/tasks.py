"""`GET /v1/tasks`: the tasks of one organization, or of all of the caller's, page by page."""

from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from events.ids import OrganizationId, TaskId, is_id
from projectors.read_models import ReadModels
from projectors.task_course import TaskStatus
from projectors.workspace_tasks import Task
from query_api.asked import caught_up
from query_api.conditional import KEPT
from query_api.parameters import line, page_size, wrong
from query_api.visibility import Visibility
from runtime.http import JsonResponse
from runtime.identity import Caller

PAGE = 50
LARGEST_PAGE = 200
LONGEST_SEARCH = 200


class FoundTask(Task, frozen=True, kw_only=True):
    """A task as its workspace shows it, and whose it is."""

    organization_id: OrganizationId


class TaskPage(Struct, frozen=True, kw_only=True):
    """Ordered by id; `next` is the `after` of the following page, null for the last one."""

    tasks: list[FoundTask]
    next: TaskId | None


class Wanted(Struct, frozen=True, kw_only=True):
    """What a page is made of, checked."""

    status: str | None
    q: str | None
    after: TaskId | None
    limit: int


class _Organizations(Struct, frozen=True):
    """The part of the view `app` that names the caller's organizations."""

    organizations: tuple["_Organization", ...]


class _Organization(Struct, frozen=True):
    id: OrganizationId


class TaskAnswers:
    def __init__(self, models: ReadModels, visibility: Visibility) -> None:
        self._models = models
        self._visibility = visibility

    async def tasks(self, request: Request, caller: Caller) -> Response:
        # A form sends what was left empty too.
        asked = {name: value for name, value in request.query_params.items() if value}
        wanted = wanted_of(asked)
        await caught_up(request, self._models, self._visibility, caller)
        found: list[FoundTask] = []
        for organization_id in await self._organizations(asked.get("organization_id"), caller):
            found += await self._of(organization_id, wanted)
        found.sort(key=lambda task: task.id)
        page = found[: wanted.limit]
        more = len(found) > wanted.limit
        return JsonResponse(TaskPage(tasks=page, next=page[-1].id if more else None), headers=KEPT)

    async def _organizations(self, named: str | None, caller: Caller) -> Sequence[OrganizationId]:
        if named is not None:
            await self._visibility.organization(caller, named)
            return [OrganizationId(named)]
        app = await self._models.snapshot(f"app/{caller.user_id}")
        if app is None:
            return []
        # The view names them, the write side says whether that still holds.
        mine = msgspec.json.decode(app.data, type=_Organizations).organizations
        return [one.id for one in mine if await self._visibility.is_member(caller, one.id)]

    async def _of(self, organization_id: OrganizationId, wanted: Wanted) -> list[FoundTask]:
        rows = await self._models.ask.tasks(
            organization_id,
            status=wanted.status,
            q=wanted.q,
            after=wanted.after,
            limit=wanted.limit + 1,
        )
        tasks = [msgspec.json.decode(row, type=Task) for row in rows]
        return [
            FoundTask(organization_id=organization_id, **msgspec.structs.asdict(task))
            for task in tasks
        ]


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """The checked query string. Raises `Invalid`."""
    statuses = get_args(TaskStatus)
    status = line(query, "status", longest=64)
    if status is not None and status not in statuses:
        raise wrong("status", f"must be one of {', '.join(statuses)}")
    after = line(query, "after", longest=63)
    if after is not None and not is_id(after, "task"):
        raise wrong("after", "must be a task's id, the `next` of the page before")
    return Wanted(
        status=status,
        q=line(query, "q", longest=LONGEST_SEARCH),
        after=None if after is None else TaskId(after),
        limit=page_size(query, default=PAGE, largest=LARGEST_PAGE),
    )
