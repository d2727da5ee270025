"""A client that missed, doubled or was told something else than the log says is found out by its own records."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.check_views import check_looks
from chaos.check_watching import WatchingCheck
from chaos.findings import Findings
from chaos.model import model_of, shown, summary
from chaos.raw_log import Message
from chaos.records import Looked, Opened, Record, Told
from chaos.replay import Replay
from tests.chaos.honest import PERSON, TOPIC, change, messages, replayed, snapshot, told, watched


@pytest.fixture
def log() -> list[Message]:
    return messages()


@pytest.fixture
async def done(log: list[Message], tmp_path: Path) -> Replay:
    return await replayed(log, tmp_path)


def found(records: list[Record], done: Replay, *, head: int = 0) -> dict[str, int]:
    findings = Findings()
    check = WatchingCheck("watcher", PERSON, done, findings)
    check.run(records)
    check.is_level(head)
    return dict(findings.counts)


def bent(record: Record, bend: Callable[[Any], None]) -> Told:
    """The same event with other data."""
    assert isinstance(record, Told)
    head, _, data = record.block.partition("data: ")
    event = json.loads(data)
    bend(event)
    return Told(block=f"{head}data: {json.dumps(event)}")


def is_change(record: Record) -> bool:
    return isinstance(record, Told) and record.block.startswith("event: change")


def test_an_honest_stream_has_no_findings(log: list[Message], done: Replay) -> None:
    assert found(watched(log, done), done, head=log[-1].position) == {}


@pytest.mark.parametrize("number", [0, 1, 2, -2, -1])
def test_any_change_that_is_left_out_is_skipped(
    number: int, log: list[Message], done: Replay
) -> None:
    stream = watched(log, done)
    changes = [place for place, record in enumerate(stream) if is_change(record)]
    del stream[changes[number]]

    assert found(stream, done)["skipped"] == 1


def test_a_change_that_comes_again_is_dropped_as_clients_do(
    log: list[Message], done: Replay
) -> None:
    stream = watched(log, done)
    changes = [place for place, record in enumerate(stream) if is_change(record)]
    stream.insert(changes[1] + 1, stream[changes[1]])

    assert found(stream, done) == {}


def _title(event: Any) -> None:
    for one in event["changes"]:
        if "title" in one["value"]:
            one["value"]["title"] = "Another"


def _cause(event: Any) -> None:
    event["cause"]["actor"] = "usr_somebody"


def _epoch(event: Any) -> None:
    event["epoch"] = "another"


@pytest.mark.parametrize("bend", [_title, _cause, _epoch])
def test_a_change_that_is_not_the_logs_differs(
    bend: Callable[[Any], None], log: list[Message], done: Replay
) -> None:
    stream = watched(log, done)
    last = max(place for place, record in enumerate(stream) if is_change(record))
    stream[last] = bent(stream[last], bend)

    assert found(stream, done)["differing"] >= 1


def test_a_snapshot_that_is_not_the_logs_differs(log: list[Message], done: Replay) -> None:
    stream = watched(log, done)
    stream[2] = bent(stream[2], lambda event: event["data"].update(title="Another"))

    assert found(stream, done)["differing"] >= 1


def test_an_older_snapshot_differs(log: list[Message], done: Replay) -> None:
    stream = [*watched(log, done), snapshot(done, 3, cause="gap")]

    assert found(stream, done)["differing"] == 1


def test_a_reset_without_a_reason_differs(log: list[Message], done: Replay) -> None:
    stream = [*watched(log, done), snapshot(done, done.newest(TOPIC), cause="reset")]

    assert found(stream, done)["differing"] == 1


def test_a_version_that_the_log_does_not_have_differs(log: list[Message], done: Replay) -> None:
    newest = done.newest(TOPIC)
    more = bent(change(done, newest), lambda event: event.update(base=newest, version=newest + 1))

    assert found([*watched(log, done), more], done)["differing"] >= 1


def test_a_client_that_was_never_told_the_end_has_skipped_it(
    log: list[Message], done: Replay
) -> None:
    assert found(watched(log, done)[:-2], done, head=log[-1].position) == {"skipped": 1}


def test_an_id_before_the_stream_is_ready_is_wrong(log: list[Message], done: Replay) -> None:
    stream = watched(log, done)
    stream[1] = told("hello", {"sid": "s", "node": "n", "protocol": 1, "heartbeat_ms": 1}, id="1")

    assert found(stream, done) == {"wrong": 1}


def come_back(stream: list[Record], done: Replay, *, ready: int) -> list[Record]:
    """A native client that was told all, but whose last `id:` covers only position 8, is back where that is new."""
    opened = Opened(
        at=0.0, node="read-2", native=True, topics=[TOPIC], cursor="8.marks.cover", held={}
    )
    tag = f"{done.epoch(TOPIC)}.{ready}"
    return [
        *stream,
        opened,
        stream[1],
        told("ready", {"revision": 0, "topics": {TOPIC: tag}}, id="3"),
    ]


def test_a_node_may_stand_where_the_cursor_of_a_native_client_does(
    log: list[Message], done: Replay
) -> None:
    stream = watched(log, done)
    begun = done.version_at(TOPIC, 8)
    owed = [record for record in stream if is_change(record)][-2:]

    assert begun < done.newest(TOPIC)
    assert found([*come_back(stream, done, ready=begun), *owed], done) == {}


def test_but_neither_before_that_nor_behind_what_the_stream_told(
    log: list[Message], done: Replay
) -> None:
    stream = watched(log, done)
    begun = done.version_at(TOPIC, 8)
    again = come_back(stream, done, ready=begun)
    again.insert(-1, change(done, done.newest(TOPIC)))

    assert found(come_back(stream, done, ready=begun - 1), done) == {"wrong": 1}
    assert found(again, done) == {"wrong": 1}


def test_a_view_older_than_was_asked_for_is_skipped_and_another_one_differs(
    done: Replay,
) -> None:
    newest = done.newest(TOPIC)
    views = [(3, done.view(TOPIC, 3)), (newest, {**done.view(TOPIC, newest), "title": "Another"})]
    findings = Findings()

    check_looks(
        [
            Looked(
                node="read-1",
                caller=PERSON.user_id,
                topic=TOPIC,
                at_least=newest,
                epoch=done.epoch(TOPIC),
                version=version,
                data=data,
            )
            for version, data in views
        ],
        PERSON,
        done,
        findings,
    )

    assert findings.counts == {"skipped": 1, "differing": 1}


def test_the_model_thinks_for_itself_and_agrees(log: list[Message], done: Replay) -> None:
    opinions = shown(model_of(log))
    views = {topic: done.view(topic, done.newest(topic)) for topic in done.topics()}
    with_opinion = {topic: summary(topic, view) for topic, view in views.items()}

    assert {topic for topic, one in with_opinion.items() if one is not None} >= {TOPIC}
    for topic, one in with_opinion.items():
        if one is not None:
            assert one == opinions[topic], topic
    assert summary(TOPIC, {**views[TOPIC], "title": "Another"}) != opinions[TOPIC]
