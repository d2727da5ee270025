"""What clients ask of the gateway, from bytes to structs."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct, field
from starlette.requests import Request

from events.ids import BEGINNING, Position
from gateway.carried import MAX_TOPICS
from gateway.cursor import Cursor, parse_cursor
from gateway.holding import Holding, parse_held
from gateway.topics import Topic, parse_topic
from projectors.catalog import PROJECTIONS
from projectors.views import Views
from runtime.errors import Invalid, Rejected
from runtime.http import check_media_type, read_body
from runtime.problems import invalid_body
from runtime.shared_timeout import SharedTimeout

T = TypeVar("T")

BODY_LIMIT = 512 * 1024
"""Room for `MAX_TOPICS` with the longest names and tags."""

Held = dict[str, str | None]


class StreamRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/stream`."""

    topics: Held
    cursor: str | None = None


class InterestRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/stream/{sid}/interest`."""

    revision: int
    add: Held = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)


class Opening(Struct, kw_only=True):
    """What a new stream is to carry, from where, and how old it may be at most."""

    topics: Mapping[Topic | str, Holding | None]
    not_before: Position
    resumes: bool


async def read_opening(
    request: Request, views: Views, user_id: str, patience: SharedTimeout
) -> Opening:
    """The opening a request asks for. Raises `Invalid` for one that names no topic, `Rejected` for too many."""
    if request.method == "POST":
        asked = await _read(request, StreamRequest, patience)
        named = _named(asked.topics, user_id)
        held = {topic: parse_held(asked.topics[_wire(topic)]) for topic in named}
        cursor = parse_cursor(asked.cursor)
        return Opening(
            topics=held, not_before=_not_before(cursor, views), resumes=any(held.values())
        )
    named = _named(filter(None, request.query_params.getlist("topic")), user_id)
    given = request.headers.get("last-event-id") or request.query_params.get("cursor")
    cursor = parse_cursor(given)
    return Opening(
        topics={topic: _covered(cursor, topic, views) for topic in named},
        not_before=_not_before(cursor, views),
        resumes=cursor is not None,
    )


async def read_interest(request: Request, patience: SharedTimeout) -> InterestRequest:
    """The change of interest a request asks for."""
    return await _read(request, InterestRequest, patience)


async def _read(request: Request, shape: type[T], patience: SharedTimeout) -> T:
    check_media_type(request, "application/json")
    body = await read_body(request.receive, BODY_LIMIT, patience)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("The body is not JSON. Correct it and send it again.") from None


def _named(wires: Iterable[str], user_id: str) -> list[Topic | str]:
    named = [parse_topic(wire, user_id) or wire for wire in dict.fromkeys(wires)]
    if not any(named):
        raise Invalid("A stream needs at least one topic, for example ?topic=app.")
    if len(named) > MAX_TOPICS:
        raise Rejected(
            f"A stream carries {MAX_TOPICS} topics at most; open another for the rest.",
            code="too_many_topics",
        )
    return named


def _wire(topic: Topic | str) -> str:
    return topic if isinstance(topic, str) else topic.wire


def _covered(cursor: Cursor | None, topic: Topic | str, views: Views) -> Holding | None:
    if cursor is None or isinstance(topic, str):
        return None
    return cursor.holding(topic, views.epoch(topic.projection))


def _not_before(cursor: Cursor | None, views: Views) -> Position:
    """The cursor's position; 0 if every epoch is another, for then the log it counts in may have been cut."""
    if cursor is None:
        return BEGINNING
    # A cut changes all epochs. Of one alone the code is other, or it was repaired: the log is the same.
    known = any(cursor.is_of(one.name, views.epoch(one.name)) for one in PROJECTIONS)
    return cursor.position if known else BEGINNING
