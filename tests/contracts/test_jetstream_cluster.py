"""The store on replicas: a server that dies takes no acknowledged commit along and stops nobody for long."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.jetstream import open_store
from events.jetstream_api import ApiError, JetStreamApi
from events.store import STREAM, EventStore, subject_of
from runtime.connection import Connection, connect
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer, NotSent
from tests.contracts.nats_cluster import nats_cluster
from tests.contracts.sample_commits import ANNA, commit, hints_of, take

COMMITS = 300
TASK = subject_of("task", "task_1")


async def test_a_killed_server_of_three_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    with nats_cluster(tmp_path) as cluster:
        async with connect(cluster.urls[0]) as connection:
            store = await open_store(connection, replicas=3)
            reading = asyncio.create_task(take(store, BEGINNING, COMMITS))
            last = BEGINNING
            for number in range(COMMITS):
                if number == COMMITS // 2:
                    cluster.kill(0)
                last = await append_however_long_it_takes(store, number, last)

            async with asyncio.timeout(60):
                taken = await reading
            assert store.replicas == 3
            assert names(taken) == names(await store.load(ANNA))
            assert names(taken) == [(Position(n + 1), f"m{n}") for n in range(COMMITS)]


async def test_a_load_after_an_append_never_meets_a_replica_that_is_behind(tmp_path: Path) -> None:
    with nats_cluster(tmp_path) as cluster:
        async with connect(cluster.urls[0]) as one, connect(cluster.urls[1]) as other:
            store = await open_store(one, replicas=3)
            elsewhere = await open_store(other, replicas=3)
            last = BEGINNING
            for number in range(COMMITS):
                last = await store.append(
                    ANNA, commit(str(number)), expected=last, message_id=f"m{number}"
                )
                (loaded,) = await elsewhere.load(ANNA, after=Position(last - 1))
                newest, there = await elsewhere.last(ANNA), await elsewhere.at(last)
                assert newest is not None
                assert there is not None
                assert {loaded.position, newest.position, there.position} == {last}


async def test_hints_outlive_the_server_that_gives_them(tmp_path: Path) -> None:
    with nats_cluster(tmp_path) as cluster:
        async with connect(cluster.urls) as connection:
            store = await open_store(connection, replicas=3)
            async with hints_of(store) as told:
                cluster.kill(await leader_of_the_hints(connection))
                last = BEGINNING
                for number in range(60):
                    last = await append_however_long_it_takes(store, number, last, subject=TASK)
                    await asyncio.sleep(1)
                    if told:
                        break

            assert told
            assert told[-1] <= last


async def test_the_log_is_made_as_soon_as_there_are_servers_enough(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with nats_cluster(tmp_path, founders=2) as cluster:
        async with connect(cluster.urls[0]) as connection:
            await the_servers_have_a_leader(connection)
            opening = asyncio.create_task(open_store(connection, replicas=3))
            async with asyncio.timeout(60):
                while "the log waits for its servers" not in caplog.messages:
                    await asyncio.sleep(0.02)
            assert not opening.done()

            cluster.start(2)
            async with asyncio.timeout(60):
                store = await opening

            assert store.replicas == 3


async def test_what_is_left_of_a_cluster_does_not_answer_for_the_log(tmp_path: Path) -> None:
    with nats_cluster(tmp_path) as cluster:
        async with connect(cluster.urls[0]) as connection:
            store = await open_store(connection, replicas=3, patience=1)
            last = await append_however_long_it_takes(store, 0, BEGINNING)
            cluster.kill(1)
            cluster.kill(2)
            await an_answer_names_no_leader(connection)

            with pytest.raises(Unavailable, match="EVENTS has no leader: too few of its servers"):
                await store.head()

            cluster.start(1)
            cluster.start(2)
            assert await append_however_long_it_takes(store, 1, last) == last + 1
            assert await store.head() == last + 1


async def an_answer_names_no_leader(connection: Connection) -> None:
    """A server takes its time to notice that it is alone, and answers all the same."""
    async with asyncio.timeout(60):
        while True:
            with suppress(NoAnswer, NotSent):
                answer = await connection.request("$JS.API.STREAM.INFO.EVENTS", b"", within=2)
                if "leader" not in msgspec.json.decode(answer.data).get("cluster", {"leader": ""}):
                    return
            await asyncio.sleep(0.2)


async def the_servers_have_a_leader(connection: Connection) -> None:
    """Only the one who decides where streams lie answers; an election may outlast one question."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                await JetStreamApi(connection, "EVENTS").call("INFO", None, dict[str, Any])
                return


async def leader_of_the_hints(connection: Connection) -> int:
    """The number of its server, once somebody reads them."""
    api = JetStreamApi(connection, STREAM)
    async with asyncio.timeout(60):
        while True:
            # There is none yet, or it has not been chosen.
            with suppress(ApiError, Unavailable, KeyError):
                info = await api.call(f"CONSUMER.INFO.{STREAM}.hints", None, dict[str, Any])
                return int(info["cluster"]["leader"].removeprefix("n"))
            await asyncio.sleep(0.05)


async def append_however_long_it_takes(
    store: EventStore, number: int, expected: Position, *, subject: str = ANNA
) -> Position:
    """What every caller does who is told to try again: an election may outlast one append."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await store.append(
                    subject, commit(str(number)), expected=expected, message_id=f"m{number}"
                )


def names(commits: Sequence[Recorded]) -> list[tuple[Position, str]]:
    return [(one.position, one.message_id) for one in commits]
