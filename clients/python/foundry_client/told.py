"""What a stream tells: `hello`, `snapshot`, `change`, `ready` and the rest (docs/protocol.md, "Live")."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foundry_client.connections import break_off, move_over, need_sign_in, start_drain
from foundry_client.effects import CancelTimer, SetTimer, Touched, Trouble
from foundry_client.fold import fold, share
from foundry_client.happenings import Told, View
from foundry_client.interest import flush
from foundry_client.topics import interest_changed, notice_gap, refuse, tell, wanted
from foundry_client.turn import SLOW_MS, STALE_AFTER, Place, Refusal, Topic, Turn

MOST_ENTITIES = 20
"""At most this many of a change's entities stand in the ledger; of a large one the number says enough."""

Data = Mapping[str, Any]
Test = Callable[[object], bool]

_TAG = re.compile(r"(.*)\.([0-9]+)", re.DOTALL)


def received(turn: Turn, told: Told) -> None:
    place = turn.place_of(told.connection)
    if place is None:
        return
    complaint = _malformed(told.name, told.data)
    if complaint is not None:
        detail = f"The stream sent a {told.name} without {complaint}."
        break_off(turn, told.connection, detail)
        return
    heard(turn, told.connection)
    handler = _HANDLERS.get(told.name)
    applied = handler is None or handler(turn, place, told.data)
    # An id covers everything before it, so one that came with what could not be applied is worth nothing.
    if told.id is not None and applied and turn.place_of(told.connection) == "current":
        turn.set(cursor=told.id)


def heard(turn: Turn, connection: int) -> None:
    """Bytes came."""
    place = turn.place_of(connection)
    if place is None:
        return
    turn.set_connection(place, heard_at=turn.at)
    current = turn.state.current
    if place == "current" and current is not None and turn.state.status == "stale":
        turn.enter("catching_up" if current.ready_at is None else "live")


# --- What an event has to have ---


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_changes(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_change, value))


def _is_change(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    is_said = all(_is_text(one.get(field)) for field in ("op", "entity", "id"))
    return is_said and (one["op"] != "put" or _is_object(one.get("value")))


_NEEDED: Mapping[str, Mapping[str, Test]] = {
    "hello": {"sid": _is_text, "heartbeat_ms": _is_number},
    "snapshot": {"topic": _is_text, "epoch": _is_text, "version": _is_number, "data": _is_object},
    "change": {
        "topic": _is_text,
        "epoch": _is_text,
        "base": _is_number,
        "version": _is_number,
        "changes": _is_changes,
    },
    "ready": {"topics": _is_object},
    "forbidden": {"topic": _is_text},
    "gone": {"topic": _is_text},
    "drain": {"retry_ms": _is_number},
    "bye": {"code": _is_text},
}


def _malformed(name: str, data: object) -> str | None:
    """The part that is missing or of the wrong kind; None if all is there.

    Fields and events not known here are left alone.
    """
    fields = data if isinstance(data, dict) else {}
    needed = _NEEDED.get(name, {}).items()
    return next((field for field, is_good in needed if not is_good(fields.get(field))), None)


# --- What is done with it; False if it could not be applied ---


def _hello(turn: Turn, place: Place, data: Data) -> bool:
    stream = turn.connection(place)
    if stream.sid is not None:
        return True
    turn.set_connection(place, sid=data["sid"], heartbeat_ms=data["heartbeat_ms"])
    turn.do(CancelTimer(name=f"opening {stream.id}"))
    ms = math.ceil(STALE_AFTER * data["heartbeat_ms"])
    turn.do(SetTimer(name=f"silence {stream.id}", ms=ms))
    if place == "current":
        turn.enter("catching_up")
        flush(turn)
    return True


def _snapshot(turn: Turn, place: Place, data: Data) -> bool:
    name, epoch, version = data["topic"], data["epoch"], data["version"]
    topic = _live(turn, name)
    if topic is None:
        return True
    view, cause = topic.view, _object(data.get("cause"))
    kind = cause.get("kind") or "bootstrap"
    older = view is not None and view.epoch == epoch and version < view.version
    # A read was quicker than the stream. What the stream tells next leads up to what is held.
    if older and topic.gap is None and kind == "bootstrap":
        return True
    if older and _is_being_left(turn, place):
        return True
    if topic.gap == "waiting":
        turn.do(CancelTimer(name=f"gap {name}"))
    fresh = View(name, epoch, version, share(view.data if view else None, data["data"]))
    turn.set_topic(name, view=fresh, gap=None)
    # It was sent because we asked for it anew, which the server cannot know.
    told = "gap" if topic.gap is not None and kind == "bootstrap" else kind
    tell(turn, name, cause=told, **_reason(cause))
    return True


def _change(turn: Turn, place: Place, data: Data) -> bool:
    name, epoch, version = data["topic"], data["epoch"], data["version"]
    topic = _live(turn, name)
    if topic is None:
        return True
    view, cause = topic.view, _object(data.get("cause"))
    if view is not None and view.epoch == epoch:
        if version <= view.version:
            return True
        if data["base"] == view.version:
            folded = fold(view.data, data["changes"])
            turn.set_topic(name, view=View(name, epoch, version, folded))
            kind = cause.get("kind") or "event"
            tell(turn, name, cause=kind, **_reason(cause), **_touched(data["changes"]))
            return True
    if not _is_being_left(turn, place):
        notice_gap(turn, name)
    return False


def _ready(turn: Turn, place: Place, data: Data) -> bool:
    if turn.connection(place).ready_at is None:
        turn.set_connection(place, ready_at=turn.at)
    if place == "next":
        move_over(turn)
    turn.set(not_before=0)
    for name, tag in data["topics"].items():
        if not _holds(turn, name, str(tag)):
            notice_gap(turn, name)
    turn.enter("live")
    if not turn.state.flushing:
        flush(turn)
    return True


def _forbidden(turn: Turn, place: Place, data: Data) -> bool:
    return _end(turn, place, data["topic"], "forbidden")


def _gone(turn: Turn, place: Place, data: Data) -> bool:
    return _end(turn, place, data["topic"], "gone")


def _drain(turn: Turn, place: Place, data: Data) -> bool:
    if place == "current":
        start_drain(turn, data["retry_ms"])
    return True


def _bye(turn: Turn, place: Place, data: Data) -> bool:
    connection = turn.connection(place).id
    code, detail = data["code"], data.get("detail") or ""
    if code == "unauthenticated":
        need_sign_in(turn, detail)
    elif data.get("retry") is False:
        turn.do(Trouble(status=0, code=code, detail=detail))
        break_off(turn, connection, code, at_least_ms=SLOW_MS)
    else:
        break_off(turn, connection, code)
    return True


_HANDLERS: Mapping[str, Callable[[Turn, Place, Data], bool]] = {
    "hello": _hello,
    "snapshot": _snapshot,
    "change": _change,
    "ready": _ready,
    "forbidden": _forbidden,
    "gone": _gone,
    "drain": _drain,
    "bye": _bye,
}


def _end(turn: Turn, place: Place, name: str, refused: Refusal) -> bool:
    """The stream does not carry the topic any more; it is not asked for again until somebody subscribes anew."""
    carried = {key: True for key in turn.connection(place).carried if key != name}
    turn.set_connection(place, carried=carried)
    if _live(turn, name) is not None:
        refuse(turn, name, refused)
        if not wanted(turn):
            interest_changed(turn)
    return True


# --- Small questions ---


def _live(turn: Turn, name: str) -> Topic | None:
    topic = turn.topic(name)
    if topic is None or topic.live != "on" or topic.refused is not None:
        return None
    return topic


def _holds(turn: Turn, name: str, tag: str) -> bool:
    """Whether we hold what the stream says it has told us, or more."""
    topic = _live(turn, name)
    if topic is None or topic.gap is not None:
        return True
    if topic.view is None:
        return False
    if topic.view.tag == tag:
        return True
    match = _TAG.fullmatch(tag)
    return match is not None and topic.view.epoch == match[1] and topic.view.version > int(match[2])


def _is_being_left(turn: Turn, place: Place) -> bool:
    """Whether this is the old of two streams: what does not fit in it is the new one's to settle."""
    successor = turn.state.next
    return place == "current" and successor is not None and successor.sid is not None


def _object(value: object) -> Data:
    return value if isinstance(value, dict) else {}


def _reason(cause: Data) -> dict[str, Any]:
    """The parts of a cause that the ledger keeps."""
    kept = ("event", "position", "command_id", "actor")
    return {name: cause[name] for name in kept if cause.get(name) is not None}


def _touched(changes: Sequence[Data]) -> dict[str, Any]:
    first = changes[:MOST_ENTITIES]
    entities = tuple(Touched(one["op"], one["entity"], one["id"]) for one in first)
    return {"entities": entities, "entity_count": len(changes)}
