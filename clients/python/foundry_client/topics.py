"""What is watched: reference counts, the grace before a topic is let go, gaps.

Nothing is asked of the server here; `interest` does that once for all that changed in a moment.
"""

from typing import Any

from foundry_client.effects import CancelTimer, Log, ReadView, SetTimer, Tell, Why
from foundry_client.happenings import Release, Subscribe
from foundry_client.turn import GAP_MEMORY_MS, INTEREST_MS, Refusal, Topic, Turn, jitter


def subscribe(turn: Turn, asked: Subscribe) -> None:
    name = asked.topic
    topic = turn.topic(name)
    if topic is None:
        # The server may still carry what was let go a moment ago: then it has to be told to send it again.
        is_carried = turn.state.current is not None and name in turn.state.current.carried
        gap = "due" if is_carried else None
        turn.set_topic(name, listeners=1, live=asked.live, view=asked.view, gap=gap)
        if asked.view is not None:
            tell(turn, name, cause="held", newest=True)
        _ask(turn, name)
        return
    if topic.listeners == 0:
        turn.do(CancelTimer(name=f"grace {name}"))
    wider = topic.live != "on" and asked.live == "on"
    turn.set_topic(
        name,
        listeners=topic.listeners + 1,
        live="on" if wider else topic.live,
        refused=None,
    )
    if topic.view is not None:
        tell(turn, name, cause="held", newest=True)
    if wider or topic.refused is not None:
        _ask(turn, name)


def release(turn: Turn, asked: Release) -> None:
    topic = turn.topic(asked.topic)
    if topic is None or topic.listeners == 0:
        return
    turn.set_topic(asked.topic, listeners=topic.listeners - 1)
    if topic.listeners == 1:
        turn.do(SetTimer(name=f"grace {asked.topic}", ms=turn.state.options.grace_ms))


def let_go(turn: Turn, name: str) -> None:
    """The grace is over."""
    topic = turn.topic(name)
    if topic is not None and topic.listeners == 0:
        turn.drop_topic(name)
        interest_changed(turn)


def notice_gap(turn: Turn, name: str) -> None:
    """A topic that cannot go on from what is held: it is asked for anew, at once the first time."""
    topic = turn.topic(name)
    if topic is None or topic.gap is not None:
        return
    gaps = 0 if turn.at - topic.gap_at > GAP_MEMORY_MS else topic.gaps
    turn.count("gaps")
    version = topic.view.version if topic.view else None
    turn.do(Log(event="gap", fields={"topic": name, "version": version}))
    turn.set_topic(name, gap="waiting" if gaps else "due", gaps=gaps + 1, gap_at=turn.at)
    if gaps:
        turn.do(SetTimer(name=f"gap {name}", ms=jitter(turn.random, gaps)))
    else:
        interest_changed(turn)


def ask_again(turn: Turn, name: str) -> None:
    """A topic with a gap has waited for its turn."""
    topic = turn.topic(name)
    if topic is not None and topic.gap == "waiting":
        turn.set_topic(name, gap="due")
        interest_changed(turn)


def gaps_are_due(turn: Turn) -> None:
    """Requests for gaps that went to a stream which is left have to be made again."""
    for name, topic in turn.state.topics.items():
        if topic.gap == "asked":
            turn.set_topic(name, gap="due")


def wanted(turn: Turn) -> list[str]:
    """The topics a stream should carry."""
    topics = turn.state.topics.items()
    return [name for name, topic in topics if topic.live == "on" and topic.refused is None]


def held(topic: Topic | None) -> str | None:
    """What the server is told that we hold of a topic."""
    return topic.view.tag if topic and topic.view and topic.gap is None else None


def interest_changed(turn: Turn) -> None:
    """The set of wanted topics, or a gap, is not what the server knows.

    One request will say so, for all that changes in the next moment.
    """
    state = turn.state
    if state.status in ("closed", "needs_auth"):
        return
    none = not wanted(turn)
    if state.current is None:
        if none:
            rest(turn)
        elif state.status == "idle":
            turn.enter("connecting")
            _schedule(turn)
    elif not state.flushing and (none or state.current.sid is not None):
        _schedule(turn)


def rest(turn: Turn) -> None:
    """Nothing is watched live and no stream is open."""
    if turn.state.flushing:
        turn.do(CancelTimer(name="interest"))
    if turn.state.status == "reconnecting":
        turn.do(CancelTimer(name="retry"))
    turn.set(flushing=False, attempt=0)
    turn.enter("idle")


def tell(turn: Turn, name: str, *, cause: str, newest: bool = False, **why: Any) -> None:
    """Tell every listener what is held now, and why; `newest`: only the one that came last."""
    topic = turn.topic(name)
    view = topic.view if topic else None
    version = view.version if view else None
    entry = Why(at=turn.at, topic=name, version=version, cause=cause, **why)
    if not newest:
        turn.count_refresh(cause)
    turn.do(Tell(topic=name, view=view, why=entry, newest=newest))


def refuse(turn: Turn, name: str, refused: Refusal) -> None:
    turn.set_topic(name, view=None, refused=refused, gap=None)
    tell(turn, name, cause=refused)


def _ask(turn: Turn, name: str) -> None:
    topic = turn.topic(name)
    if topic is not None and topic.live == "on":
        interest_changed(turn)
    elif turn.state.status != "needs_auth":
        etag = topic.view.tag if topic and topic.view else None
        turn.do(ReadView(topic=name, etag=etag, at_least=None, cause="bootstrap"))


def _schedule(turn: Turn) -> None:
    turn.set(flushing=True)
    turn.do(SetTimer(name="interest", ms=INTEREST_MS))
