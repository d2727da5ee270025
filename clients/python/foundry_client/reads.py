"""Views that were read instead of streamed. A read never moves a view backwards."""

from typing import Any

from foundry_client.connections import need_sign_in
from foundry_client.effects import ReadView, SetTimer, Trouble
from foundry_client.fold import share
from foundry_client.happenings import ReadAnswered, View
from foundry_client.topics import notice_gap, refuse, tell
from foundry_client.turn import Again, Topic, Turn, jitter


def refresh(
    turn: Turn, name: str | None, *, at_least: int | None = None, cause: str = "refresh"
) -> None:
    """Read a topic again; without one, all that are only read."""
    if turn.state.status == "needs_auth":
        return
    for each in [*turn.state.topics] if name is None else [name]:
        topic = turn.topic(each)
        if topic is None or topic.refused is not None:
            continue
        if name is not None or topic.live != "on":
            etag = topic.view.tag if topic.view else None
            turn.do(ReadView(topic=each, etag=etag, at_least=at_least, cause=cause))


def read_again(turn: Turn, name: str) -> None:
    """A read that failed has waited long enough."""
    topic = turn.topic(name)
    if topic is not None and topic.again is not None:
        refresh(turn, name, at_least=topic.again.at_least, cause=topic.again.cause)


def read(turn: Turn, answer: ReadAnswered) -> None:
    name, status = answer.topic, answer.status
    topic = turn.topic(name)
    match status:
        case 401:
            need_sign_in(turn, answer.detail or "")
        case _ if topic is None:
            # Let go of meanwhile.
            return
        case 304:
            turn.set_topic(name, again=None, failures=0)
        case 200:
            _take(turn, name, topic, answer.body, answer.cause or "refresh")
        case _ if topic.live == "on":
            # Its stream will tell.
            return
        case 403 | 404:
            refuse(turn, name, "forbidden")
        case _ if status in (0, 408, 429) or status >= 500:
            _wait(turn, name, topic, answer)
        case _:
            turn.do(Trouble(status=status, code=answer.code or "", detail=answer.detail or ""))
            refuse(turn, name, "forbidden")


def _wait(turn: Turn, name: str, topic: Topic, answer: ReadAnswered) -> None:
    """Nobody answered, or nobody can now: the read is done again later."""
    again = Again(answer.at_least, answer.cause or "refresh")
    turn.set_topic(name, again=again, failures=topic.failures + 1)
    ms = (answer.retry_after_ms or 0) + jitter(turn.random, topic.failures)
    turn.do(SetTimer(name=f"read {name}", ms=ms))


def _take(turn: Turn, name: str, topic: Topic, body: Any, cause: str) -> None:
    if topic.refused is not None:
        return
    turn.set_topic(name, again=None, failures=0)
    epoch, version, view = body["epoch"], body["version"], topic.view
    same = view is not None and view.epoch == epoch
    if same and view is not None and version <= view.version:
        return
    if not same and view is not None and topic.live == "on":
        # The stream is of another epoch than the node that was read: the stream decides which one holds.
        notice_gap(turn, name)
        return
    data = share(view.data if view else None, body["data"])
    turn.set_topic(name, view=View(name, epoch, version, data))
    tell(turn, name, cause=cause)
