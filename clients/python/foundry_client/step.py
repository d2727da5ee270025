"""The subscription manager as a function: what happened in, what is to be done out.

No clock, no chance, no network; `clients/cases.json` holds its examples, which the JavaScript client
follows as well.
"""

from typing import assert_never

from foundry_client.connections import (
    listen,
    lost,
    need_sign_in,
    open_stream,
    opening_is_over,
    reopen,
    stop,
    wake,
)
from foundry_client.effects import Effect, Log
from foundry_client.happenings import (
    Close,
    Happening,
    Heard,
    InterestAnswered,
    Lost,
    Opened,
    ReadAnswered,
    Refresh,
    Release,
    Retry,
    SignIn,
    Subscribe,
    TimerRang,
    Told,
    Unauthenticated,
    Wake,
)
from foundry_client.interest import answered, collected
from foundry_client.reads import read, read_again, refresh
from foundry_client.told import heard, received
from foundry_client.topics import ask_again, let_go, release, subscribe, wanted
from foundry_client.turn import State, Turn


def step(state: State, happening: Happening) -> tuple[State, list[Effect]]:
    if state.status == "closed":
        return state, []
    turn = Turn(state, at=happening.at, random=happening.random)
    _decide(turn, happening)
    return turn.state, turn.effects


def _decide(turn: Turn, happening: Happening) -> None:
    match happening:
        case Subscribe():
            subscribe(turn, happening)
        case Release():
            release(turn, happening)
        case Opened():
            turn.do(Log(event="stream opened", fields={"connection": happening.connection}))
        case Told():
            received(turn, happening)
        case Heard():
            heard(turn, happening.connection)
        case Retry():
            if turn.place_of(happening.connection) is not None:
                turn.set(retry_ms=happening.ms)
        case Lost():
            lost(turn, happening)
        case InterestAnswered():
            answered(turn, happening)
        case Refresh(topic=topic, at_least=at_least, cause=cause):
            refresh(turn, topic, at_least=at_least, cause=cause or "refresh")
        case ReadAnswered():
            read(turn, happening)
        case TimerRang():
            _timed(turn, happening.name)
        case Wake():
            wake(turn)
        case Unauthenticated():
            need_sign_in(turn, happening.detail or "")
        case SignIn():
            _sign_in(turn)
        case Close():
            stop(turn)
            turn.enter("closed")
        case _:
            assert_never(happening)


def _timed(turn: Turn, timer: str) -> None:
    """A timer has a name like `grace task/task_1`: what it is for, and what it is about."""
    name, _, about = timer.partition(" ")
    match name:
        case "interest":
            collected(turn)
        case "retry":
            reopen(turn)
        case "drain":
            current = turn.state.current
            if current is not None and current.draining and turn.state.next is None:
                open_stream(turn, "next")
        case "opening":
            opening_is_over(turn, int(about))
        case "silence":
            listen(turn, int(about))
        case "grace":
            let_go(turn, about)
        case "gap":
            ask_again(turn, about)
        case "read":
            read_again(turn, about)
        case _:
            pass


def _sign_in(turn: Turn) -> None:
    if turn.state.status != "needs_auth":
        return
    if wanted(turn):
        turn.enter("connecting")
        open_stream(turn, "current")
    else:
        turn.enter("idle")
    refresh(turn, None, cause="bootstrap")
