"""`GET /v1/history/{id}`: the audit trail of one aggregate, read from the log itself and not from a projection."""

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from events.codec import Undecodable
from events.commit import CommandRef, Recorded, tag_of
from events.ids import BEGINNING, Position, Timestamp
from events.log import AggregateKind, kind_of_id
from events.shown import shown
from events.store import EventStore, Limit, subject_of
from query_api.conditional import KEPT
from query_api.parameters import boolean, page_size, position
from query_api.visibility import Visibility, unseen
from runtime.http import JsonResponse
from runtime.identity import Caller

READ_WITH: Mapping[AggregateKind, str] = {
    "organization": "workspace",
    "repository": "repository",
    "task": "task",
    "job": "job",
    "transcript": "transcript",
}
"""Kind of aggregate -> the topic whose readers may see its history. A user's is their own."""

PAGE = 100
LARGEST_PAGE = 1000
PAGE_BYTES = 4 * 1024 * 1024


class CommandName(Struct, frozen=True, kw_only=True):
    id: str
    name: str

    @classmethod
    def of(cls, command: CommandRef | None) -> Self | None:
        return cls(id=command.id, name=command.name) if command else None


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One commit. `command` is null for what a worker reported; `facts` are the events in full, if asked for.

    An entry that this version cannot read has `unreadable` and no events.
    """

    position: Position
    events: list[str]
    actor: str | None
    command: CommandName | None
    at: Timestamp | None
    facts: list[Raw] | UnsetType = UNSET
    unreadable: bool | UnsetType = UNSET


class History(Struct, frozen=True, kw_only=True):
    """A page of a history, oldest first; `next` is the `after` of the following page."""

    id: str
    entries: list[HistoryEntry]
    next: Position | None


class HistoryAnswers:
    def __init__(self, store: EventStore, visibility: Visibility) -> None:
        self._store = store
        self._visibility = visibility

    async def history(self, request: Request, caller: Caller) -> Response:
        query = request.query_params
        after = position(query, "after") or BEGINNING
        limit = page_size(query, default=PAGE, largest=LARGEST_PAGE)
        with_facts = boolean(query, "facts")
        aggregate_id = request.path_params["id"]
        subject = await self._subject(caller, aggregate_id)
        # One more tells whether there is a next page.
        enough = Limit(commits=limit + 1, bytes=PAGE_BYTES)
        commits = await self._store.load(subject, after=after, limit=enough)
        page = one_page(commits, limit)
        return JsonResponse(
            History(
                id=aggregate_id,
                entries=[entry_of(one, with_facts=with_facts) for one in page],
                next=page[-1].position if len(page) < len(commits) else None,
            ),
            headers=KEPT,
        )

    async def _subject(self, caller: Caller, aggregate_id: str) -> str:
        if aggregate_id == caller.user_id:
            return subject_of("user", aggregate_id)
        kind = kind_of_id(aggregate_id)
        if kind is None or kind not in READ_WITH:
            raise unseen()
        await self._visibility.topic(caller, f"{READ_WITH[kind]}/{aggregate_id}")
        return subject_of(kind, aggregate_id)


def one_page(commits: Sequence[Recorded], limit: int) -> Sequence[Recorded]:
    """The first commits: at most `limit`, and no more than fit into one answer, but at least one."""
    size = 0
    for count, commit in enumerate(commits[:limit]):
        size += len(commit.body)
        if size > PAGE_BYTES and count:
            return commits[:count]
    return commits[:limit]


def entry_of(recorded: Recorded, *, with_facts: bool) -> HistoryEntry:
    try:
        commit = recorded.commit
    except Undecodable:
        return HistoryEntry(
            position=recorded.position,
            events=[],
            actor=None,
            command=None,
            at=None,
            unreadable=True,
        )
    return HistoryEntry(
        position=recorded.position,
        events=[tag_of(event) for event in commit.events],
        actor=commit.actor,
        command=CommandName.of(commit.command),
        at=commit.at,
        facts=[Raw(msgspec.json.encode(shown(event))) for event in commit.events]
        if with_facts
        else UNSET,
    )
