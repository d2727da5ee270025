"""Tells the server what an open stream should carry from now on.

One request at a time, because a revision that is overtaken by a later one is ignored.
"""

from collections.abc import Collection, Iterable
from typing import Literal

from foundry_client.connections import break_off, close_streams, need_sign_in, open_stream
from foundry_client.effects import Interest, SetTimer, Trouble
from foundry_client.happenings import InterestAnswered
from foundry_client.topics import held, wanted
from foundry_client.turn import MOST_TOPICS, Asking, Connection, Turn, jitter

Carried = dict[str, Literal[True]]


def collected(turn: Turn) -> None:
    """The moment in which changes were collected is over."""
    if not turn.state.flushing:
        return
    turn.set(flushing=False)
    if turn.state.current is None and turn.state.status == "connecting":
        open_stream(turn, "current")
    else:
        flush(turn)


def flush(turn: Turn) -> None:
    """Ask for what is wanted and not carried, and give back what is carried and not wanted."""
    current, successor = turn.state.current, turn.state.next
    if current is None:
        return
    names = wanted(turn)
    if not names:
        close_streams(turn)
        return
    # A stream that is about to be left is asked for nothing more.
    is_left = successor is not None and successor.sid is not None
    if current.sid is None or current.asking is not None or is_left:
        return
    add = [name for name in names if name not in current.carried or _gap(turn, name) == "due"]
    remove = [name for name in current.carried if name not in names]
    add, remove = add[:MOST_TOPICS], remove[:MOST_TOPICS]
    if not add and not remove:
        return
    revision = current.revision + 1
    turn.set_connection(
        "current",
        revision=revision,
        carried=_carrying(current.carried, add, remove),
        asking=Asking(revision, add, remove),
    )
    turn.do(
        Interest(
            connection=current.id,
            sid=current.sid,
            revision=revision,
            add={name: held(turn.topic(name)) for name in add},
            remove=remove,
        )
    )
    for name in add:
        if _gap(turn, name) is not None:
            turn.set_topic(name, gap="asked")


def answered(turn: Turn, answer: InterestAnswered) -> None:
    current = turn.state.current
    if current is None or current.id != answer.connection or current.asking is None:
        return
    if current.asking.revision != answer.revision:
        return
    detail = answer.detail or ""
    if 200 <= answer.status < 300:
        turn.set_connection("current", asking=None, failures=0)
        flush(turn)
    elif answer.status == 401:
        need_sign_in(turn, detail)
    elif answer.status == 404:
        break_off(turn, current.id, "The server has no such stream.", at_least_ms=0)
    else:
        _take_back(turn, current, current.asking)
        if answer.status in (0, 408, 429) or answer.status >= 500:
            turn.set(flushing=True)
            ms = (answer.retry_after_ms or 0) + jitter(turn.random, current.failures)
            turn.do(SetTimer(name="interest", ms=ms))
        else:
            turn.do(Trouble(status=answer.status, code=answer.code or "", detail=detail))


def _take_back(turn: Turn, current: Connection, asking: Asking) -> None:
    """Whether it was taken is not known: what is wanted then is asked again."""
    names = wanted(turn)
    unwanted = [name for name in asking.remove if name not in names]
    carried = _carrying(current.carried, unwanted, asking.add)
    turn.set_connection("current", asking=None, carried=carried, failures=current.failures + 1)
    for name in asking.add:
        if _gap(turn, name) == "asked":
            turn.set_topic(name, gap="due")


def _gap(turn: Turn, name: str) -> str | None:
    topic = turn.topic(name)
    return topic.gap if topic else None


def _carrying(carried: Iterable[str], add: Iterable[str], remove: Collection[str]) -> Carried:
    return dict.fromkeys([*(name for name in carried if name not in remove), *add], True)
