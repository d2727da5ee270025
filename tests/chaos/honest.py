"""A small run in which all went well, as records and a log: for tests that bend one of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chaos.raw_log import Message
from chaos.records import Attempt, Commanded, Level, Opened, Record, Told
from chaos.replay import At, Replay, replay
from chaos.town import Person
from events.commit import CommandRef, Commit
from tests.facts import (
    ANNA,
    OF_TASK,
    STAGES,
    TASK,
    commit,
    entries_appended,
    entry,
    job_announced,
    job_opened,
    job_started,
    message_queued,
    organization_created,
    repository_added,
    session_created,
    stage_succeeded,
    task_created,
    task_renamed,
)
from tests.projections.log import log_of

PERSON = Person(ANNA, "a token")
TOPIC = f"task/{TASK}"
NAMES = ("Mend login", "Mend the login", "Mend it")


def commits() -> list[Commit]:
    """A task is made, worked on and renamed three times by command."""
    named = [
        msgspec.structs.replace(
            commit(task_renamed(title=title), at=2000),
            command=CommandRef(id=f"key-{number}", name="task.rename", digest="d"),
        )
        for number, title in enumerate(NAMES)
    ]
    return [
        commit(organization_created()),
        commit(repository_added()),
        commit(task_created(), session_created(), message_queued(), job_announced()),
        commit(job_opened(OF_TASK)),
        commit(job_started(OF_TASK)),
        commit(stage_succeeded(OF_TASK, stage=STAGES[0])),
        named[0],
        commit(entries_appended(entry("one"), entry("two"))),
        named[1],
        commit(entries_appended(entry("three"), first_index=3)),
        named[2],
    ]


def messages(of: Sequence[Commit] | None = None) -> list[Message]:
    return [
        Message(one.position, one.subject, one.message_id, one.body, json.loads(one.body))
        for one in log_of(of if of is not None else commits())
    ]


def commands(of: Sequence[Message]) -> list[Commanded]:
    """What people were answered for the commands in the log."""
    return [
        Commanded(
            key=message.commit["command"]["id"],
            caller=message.commit["actor"],
            name=message.commit["command"]["name"],
            fields={},
            attempts=[accepted(message)],
            cycle=1,
        )
        for message in of
        if "command" in message.commit
    ]


def accepted(message: Message) -> Attempt:
    answer = {
        "command_id": message.commit["command"]["id"],
        "position": message.position,
        "events": [event["type"] for event in message.commit["events"]],
        "ids": {},
    }
    return Attempt(at=0.0, node="commands-1", outcome="accepted", status=202, answer=answer)


async def replayed(of: Sequence[Message], folder: Path) -> Replay:
    """With every view of the one topic kept."""
    wanted: set[At] = {(TOPIC, message.position) for message in of}
    return await replay(of, folder, wanted)


def told(name: str, data: Any, *, id: str | None = None) -> Told:
    line = "" if id is None else f"id: {id}\n"
    return Told(block=f"{line}event: {name}\ndata: {json.dumps(data)}")


def watched(of: Sequence[Message], done: Replay) -> list[Record]:
    """What an honest node tells a client that comes when the task is there and stays to the end."""
    epoch, first = done.epoch(TOPIC), 3
    stream: list[Record] = [
        Opened(at=0.0, node="read-1", native=True, topics=[TOPIC], cursor=None, held={}),
        told("hello", {"sid": "s", "node": "n", "protocol": 1, "heartbeat_ms": 500}),
        snapshot(done, first),
        told("ready", {"revision": 0, "topics": {TOPIC: f"{epoch}.{first}"}}, id="1"),
    ]
    for version in range(first + 1, of[-1].position + 1):
        if done.step(TOPIC, version) is not None:
            stream.append(change(done, version))
    beat = {"at": 1, "position": of[-1].position, "lag_ms": 0}
    return [*stream, told("heartbeat", beat, id="2"), Level(position=of[-1].position)]


def snapshot(done: Replay, version: int, *, cause: str = "bootstrap") -> Told:
    return told(
        "snapshot",
        {
            "topic": TOPIC,
            "epoch": done.epoch(TOPIC),
            "version": version,
            "cause": {"kind": cause},
            "data": done.view(TOPIC, version),
        },
    )


def change(done: Replay, version: int) -> Told:
    step = done.step(TOPIC, version)
    assert step is not None
    return told(
        "change",
        {
            "topic": TOPIC,
            "epoch": done.epoch(TOPIC),
            "base": step.base,
            "version": version,
            "changes": json.loads(step.changes),
            "cause": json.loads(step.cause),
        },
    )
