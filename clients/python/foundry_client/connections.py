"""The life of streams: opening one, losing it, coming back, moving to another, giving up for want of an identity."""

import math

from foundry_client.effects import CancelTimer, Dispose, Log, Open, SetTimer, Trouble
from foundry_client.happenings import Lost
from foundry_client.topics import gaps_are_due, held, interest_changed, rest, wanted
from foundry_client.turn import (
    LOST_AFTER,
    MOST_TOPICS,
    OPENING_MS,
    SLOW_MS,
    STALE_AFTER,
    STEADY_MS,
    WAKE_MS,
    Connection,
    Place,
    Turn,
    jitter,
)

PASSING = (408, 425, 429)
"""Refusals that the same request may not meet again."""


def open_stream(turn: Turn, place: Place) -> None:
    """Open a stream for what is wanted. More topics than one request takes follow through `interest`."""
    names = wanted(turn)[:MOST_TOPICS]
    number = turn.state.last_connection + 1
    topics = {name: held(turn.topic(name)) for name in names}
    for name in names:
        topic = turn.topic(name)
        if topic is not None and topic.gap is not None:
            turn.set_topic(name, gap="asked")
    connection = Connection(
        id=number,
        sid=None,
        heartbeat_ms=0,
        heard_at=turn.at,
        ready_at=None,
        carried=dict.fromkeys(names, True),
        revision=0,
        asking=None,
        failures=0,
        draining=False,
    )
    turn.set(**{"last_connection": number, place: connection})
    turn.count("connections_created")
    turn.do(Open(connection=number, topics=topics, cursor=turn.state.cursor))
    turn.do(SetTimer(name=f"opening {number}", ms=OPENING_MS))


def reopen(turn: Turn) -> None:
    """The `retry` timer, or somebody who does not want to wait for it."""
    if turn.state.status == "reconnecting" and turn.state.current is None:
        turn.count("reconnect_attempts")
        open_stream(turn, "current")


def lost(turn: Turn, how: Lost) -> None:
    """A stream ended by itself, or never began."""
    place = turn.place_of(how.connection)
    if place is None:
        return
    status, code, detail = how.status or 0, how.code or "", how.detail or ""
    told = {"connection": how.connection, "status": status, "code": code, "detail": detail}
    turn.do(Log(event="stream lost", fields=told))
    if status == 401:
        _forget(turn, place)
        need_sign_in(turn, detail)
        return
    # The request itself was refused. It will be refused again, but a deploy may mend it.
    refused = 400 <= status < 500 and status not in PASSING
    if refused:
        turn.do(Trouble(status=status, code=code, detail=detail))
    retry_after_ms = how.retry_after_ms or 0
    if retry_after_ms > 0:
        turn.set(not_before=turn.at + retry_after_ms)
    _forget(turn, place)
    _come_back(turn, place, max(retry_after_ms, SLOW_MS if refused else turn.state.retry_ms))


def break_off(turn: Turn, connection: int, detail: str, *, at_least_ms: int | None = None) -> None:
    """Leave a stream that is of no use any more, for another."""
    place = turn.place_of(connection)
    if place is None:
        return
    turn.do(Log(event="stream left", fields={"connection": connection, "detail": detail}))
    _dispose(turn, place)
    _come_back(turn, place, turn.state.retry_ms if at_least_ms is None else at_least_ms)


def close_streams(turn: Turn) -> None:
    """Nothing is wanted any more."""
    _dispose(turn, "next")
    _dispose(turn, "current")
    rest(turn)


def move_over(turn: Turn) -> None:
    """The new stream has everything: the old one is left, and what it was asked for is asked of the new one."""
    _dispose(turn, "current")
    _promote(turn)


def start_drain(turn: Turn, retry_ms: int) -> None:
    if turn.state.current is None or turn.state.current.draining:
        return
    turn.set_connection("current", draining=True)
    turn.count("drains")
    turn.do(SetTimer(name="drain", ms=retry_ms))


def need_sign_in(turn: Turn, detail: str) -> None:
    """Nobody knows who is asking: nothing is tried until somebody signs in. What is held stays."""
    if turn.state.status == "needs_auth":
        return
    stop(turn)
    turn.do(Log(event="needs_auth", fields={"detail": detail}))
    turn.enter("needs_auth")


def stop(turn: Turn) -> None:
    """End every stream and every timer that would open one."""
    _dispose(turn, "next")
    _dispose(turn, "current")
    if turn.state.flushing:
        turn.do(CancelTimer(name="interest"))
    if turn.state.status == "reconnecting":
        turn.do(CancelTimer(name="retry"))
    turn.set(flushing=False, attempt=0)


def opening_is_over(turn: Turn, connection: int) -> None:
    """The time a stream has to begin is over."""
    place = turn.place_of(connection)
    if place is not None and turn.connection(place).sid is None:
        break_off(turn, connection, "The stream did not begin in time.")


def listen(turn: Turn, connection: int) -> None:
    """Look how long a stream has been silent."""
    place = turn.place_of(connection)
    if place is None:
        return
    stream = turn.connection(place)
    if stream.sid is None:
        return
    # A clock that was set back must not make a stream look alive for longer.
    if stream.heard_at > turn.at:
        turn.set_connection(place, heard_at=turn.at)
    silent = max(0, turn.at - stream.heard_at)
    stale = STALE_AFTER * stream.heartbeat_ms
    over = LOST_AFTER * stream.heartbeat_ms
    if silent >= over:
        break_off(turn, connection, "The stream fell silent.")
        return
    if silent >= stale and place == "current":
        turn.enter("stale")
    ms = math.ceil((over if silent >= stale else stale) - silent)
    turn.do(SetTimer(name=f"silence {connection}", ms=ms))


def wake(turn: Turn) -> None:
    """The machine woke up, or is online again: look at once, but not all the time."""
    state = turn.state
    if state.current is not None and state.current.sid is not None:
        listen(turn, state.current.id)
    waits = turn.state.status == "reconnecting" and turn.state.current is None
    if not waits or turn.at < state.not_before:
        return
    if state.woken_at is not None and 0 <= turn.at - state.woken_at < WAKE_MS:
        return
    turn.set(woken_at=turn.at)
    turn.do(CancelTimer(name="retry"))
    reopen(turn)


def _come_back(turn: Turn, place: Place, at_least_ms: int) -> None:
    ms = at_least_ms + jitter(turn.random, turn.state.attempt)
    if place == "next":
        # The old stream still serves; another one is tried until it ends.
        turn.set(attempt=turn.state.attempt + 1)
        turn.do(SetTimer(name="drain", ms=ms))
        interest_changed(turn)
    elif turn.state.next is not None:
        _promote(turn)
    elif not wanted(turn):
        rest(turn)
    else:
        turn.set(attempt=turn.state.attempt + 1)
        if turn.state.flushing:
            turn.do(CancelTimer(name="interest"))
        turn.set(flushing=False)
        turn.enter("reconnecting")
        turn.do(SetTimer(name="retry", ms=ms))


def _promote(turn: Turn) -> None:
    successor = turn.state.next
    if successor is None:
        return
    turn.set(current=successor, next=None)
    gaps_are_due(turn)
    if successor.ready_at is None:
        turn.enter("reconnecting" if successor.sid is None else "catching_up")
    interest_changed(turn)


def _dispose(turn: Turn, place: Place) -> None:
    stream = turn.at_place(place)
    if stream is not None:
        turn.do(Dispose(connection=stream.id))
        _forget(turn, place)


def _forget(turn: Turn, place: Place) -> None:
    stream = turn.at_place(place)
    if stream is None:
        return
    timer = "opening" if stream.sid is None else "silence"
    turn.do(CancelTimer(name=f"{timer} {stream.id}"))
    if stream.draining:
        turn.do(CancelTimer(name="drain"))
    turn.set(**{place: None})
    turn.count("connections_disposed")
    if stream.ready_at is not None and turn.at - stream.ready_at >= STEADY_MS:
        turn.set(attempt=0)
