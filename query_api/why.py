"""`GET /v1/why/task/{task_id}?field=…`: which event gave a field its present value, by whose command."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from events.commit import Recorded
from events.ids import Position, TaskId, Timestamp
from projectors.parking import envelope_of
from query_api.conditional import KEPT
from query_api.history import CommandName
from query_api.parameters import required_line
from query_api.pointer import Json, parse
from query_api.task_fold import Step, TaskFold
from query_api.task_past import TaskPasts
from query_api.visibility import Visibility
from runtime.errors import NotFound
from runtime.http import JsonResponse
from runtime.identity import Caller

LONGEST_POINTER = 2_000


class Why(Struct, frozen=True, kw_only=True):
    """`command` is null when a worker reported it."""

    field: str
    value: Raw
    position: Position
    event: str
    command: CommandName | None
    actor: str
    at: Timestamp


class WhyAnswers:
    def __init__(self, visibility: Visibility, pasts: TaskPasts) -> None:
        self._visibility = visibility
        self._pasts = pasts

    async def why(self, request: Request, caller: Caller) -> Response:
        field = required_line(request.query_params, "field", longest=LONGEST_POINTER)
        path = parse(field)
        task_id = TaskId(request.path_params["task_id"])
        await self._visibility.topic(caller, f"task/{task_id}")
        why = await self._pasts.computed(
            task_id, lambda commits: last_change(task_id, commits, field, path)
        )
        if why is None:
            raise NotFound(
                f"The task has no field {field} now. Elements of lists are named by their id."
            )
        return JsonResponse(why, headers=KEPT)


def last_change(
    task_id: TaskId, commits: Sequence[Recorded], field: str, path: Sequence[str]
) -> Why | None:
    """The newest event after which the field was not what it was before; None when it is not there now."""
    fold = TaskFold(task_id)
    entity = fold.entity(path)
    value: Json | UnsetType = UNSET
    changed_by: Step | None = None
    for recorded in commits:
        for step in fold.steps(recorded):
            # A list is there from the first event on, even if nothing ever comes into it.
            touched = changed_by is None or entity in step.entities
            if touched and (now := fold.value(path)) != value:
                value, changed_by = now, step
    if changed_by is None or isinstance(value, UnsetType):
        return None
    envelope = envelope_of(changed_by.commit)
    return Why(
        field=field,
        value=Raw(msgspec.json.encode(value)),
        position=changed_by.commit.position,
        event=changed_by.event,
        command=CommandName.of(envelope.command),
        actor=envelope.actor,
        at=envelope.at,
    )
