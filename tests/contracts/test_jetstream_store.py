"""What only the store on JetStream has to prove: lost answers, its stream's settings, its consumers."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from events.ids import BEGINNING, Position
from events.jetstream import JetStreamStore, open_store
from events.memory import MemoryStore
from events.store import EventStore, StalePosition
from runtime.connection import Connection, connect
from runtime.errors import Unavailable
from tests.contracts.sample_commits import ANNA, BERT, commit, fill, take
from tests.contracts.tcp_proxy import TcpProxy, tcp_proxy
from tests.nats_process import NatsServer


@pytest.fixture
async def proxy(nats_server: NatsServer) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(nats_server.url) as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(
    proxy: TcpProxy, nats_server: NatsServer, jetstream_store: JetStreamStore
) -> AsyncIterator[JetStreamStore]:
    """A second store on the same stream, whose connection the test can spoil."""
    async with connect(
        proxy.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        yield await open_store(connection, attempt=0.3, patience=3)


def test_the_store_is_an_event_store(jetstream_store: JetStreamStore) -> None:
    store: EventStore = jetstream_store

    assert store is jetstream_store


async def test_a_history_comes_over_a_way_that_is_too_slow_for_a_whole_page(
    proxy: TcpProxy, nats_server: NatsServer, jetstream_store: JetStreamStore
) -> None:
    position = BEGINNING
    for number in range(60):
        position = await jetstream_store.append(
            ANNA, commit("long" * 5_000), expected=position, message_id=f"m{number}"
        )

    async with connect(
        proxy.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        store = await open_store(connection, attempt=0.5, patience=30)
        # 1.2 MB in 2 s, and an answer is waited for half a second.
        proxy.seconds_a_piece = 0.1
        history = await store.load(ANNA)

    assert len(history) == 60
    assert history[-1].position == position


# --- Unknown outcomes ---


async def test_an_append_whose_answer_was_lost_is_found_stored(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    proxy.mute = True
    appending = asyncio.create_task(
        behind_proxy.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    )
    await proxy.swallowed.wait()
    proxy.mute = False
    proxy.cut()

    position = await appending

    assert [one.position for one in await jetstream_store.load(ANNA)] == [position]


async def test_an_append_whose_answer_was_lost_is_found_behind_the_commits_of_others(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    proxy.mute = True
    appending = asyncio.create_task(
        behind_proxy.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    )
    await proxy.swallowed.wait()
    await jetstream_store.append(ANNA, commit("2"), expected=Position(1), message_id="m2")
    proxy.mute = False
    proxy.cut()

    assert await appending == 1
    assert [one.message_id for one in await jetstream_store.load(ANNA)] == ["m1", "m2"]


async def test_an_append_that_never_hears_back_says_so_and_can_be_tried_again(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    proxy.mute = True
    with pytest.raises(Unavailable):
        await behind_proxy.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    proxy.mute = False
    proxy.cut()

    position = await behind_proxy.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    assert position == 1
    assert await jetstream_store.head() == 1


async def test_a_connection_that_carries_nothing_loses_and_doubles_no_append(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    proxy.freeze()
    appending = asyncio.create_task(
        behind_proxy.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    )
    await asyncio.wait([appending], timeout=0.5)
    proxy.thaw()

    assert await appending == 1
    assert await jetstream_store.head() == 1


async def test_the_same_commit_again_is_known_after_the_duplicate_window(
    nats_connection: Connection,
) -> None:
    store = await open_store(nats_connection, duplicate_window=0.2)
    first = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    await store.append(ANNA, commit("2"), expected=first, message_id="m2")
    await _outlast_the_duplicate_window(nats_connection)

    again = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    assert again == first
    with pytest.raises(StalePosition):
        await store.append(ANNA, commit("3"), expected=BEGINNING, message_id="m3")


async def _outlast_the_duplicate_window(connection: Connection) -> None:
    """Wait until the server has forgotten an id that is younger than all ids of the test."""
    headers = {"Nats-Msg-Id": "probe"}
    await connection.request(BERT, b"{}", headers=headers, within=5)
    async with asyncio.timeout(10):
        while (
            b"duplicate" in (await connection.request(BERT, b"{}", headers=headers, within=5)).data
        ):
            pass


# --- Reading ---


async def test_a_reader_steps_over_a_deleted_commit_with_a_warning(
    nats_connection: Connection,
    jetstream_store: JetStreamStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await fill(jetstream_store, 4)
    await nats_connection.request("$JS.API.STREAM.MSG.DELETE.EVENTS", b'{"seq": 2}', within=5)

    taken = await take(jetstream_store, BEGINNING, 3)

    assert [one.position for one in taken] == [1, 3, 4]
    assert ["deleted" in one.getMessage() for one in caplog.records] == [True]
    assert await jetstream_store.at(Position(2)) is None


@pytest.mark.parametrize("deleted", [[4], [4, 3], [4, 3, 2, 1]])
async def test_the_head_is_a_commit_that_can_be_read_also_when_the_newest_were_deleted(
    nats_connection: Connection, jetstream_store: JetStreamStore, deleted: list[int]
) -> None:
    memory = MemoryStore()
    for store in (memory, jetstream_store):
        await fill(store, 4)
    for position in deleted:
        memory.delete(Position(position))
        request = msgspec.json.encode({"seq": position})
        await nats_connection.request("$JS.API.STREAM.MSG.DELETE.EVENTS", request, within=5)

    for store in (memory, jetstream_store):
        assert (await store.head(), await store.end()) == (4 - len(deleted), 4)
        later = await store.append(BERT, commit(), expected=BEGINNING, message_id="later")
        assert (await store.head(), later) == (5, 5)


async def test_a_reader_that_ends_leaves_no_consumer_behind(
    nats_connection: Connection, jetstream_store: JetStreamStore
) -> None:
    await fill(jetstream_store, 3)

    await take(jetstream_store, BEGINNING, 3)

    async with asyncio.timeout(5):
        while await _names_of_consumers(nats_connection):
            pass


async def test_a_reader_whose_consumer_was_deleted_goes_on_with_another(
    nats_connection: Connection, jetstream_store: JetStreamStore
) -> None:
    positions = await fill(jetstream_store, 3)
    reading = asyncio.create_task(take(jetstream_store, BEGINNING, 4))
    name = await _name_of_the_consumer(nats_connection)

    await nats_connection.request(f"$JS.API.CONSUMER.DELETE.EVENTS.{name}", b"", within=5)
    await jetstream_store.append(ANNA, commit(), expected=positions[-1], message_id="m4")

    async with asyncio.timeout(10):
        assert [one.position for one in await reading] == [1, 2, 3, 4]


async def test_a_reader_whose_connection_breaks_again_and_again_misses_nothing(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    reading = asyncio.create_task(take(behind_proxy, BEGINNING, 900))

    last = BEGINNING
    for number in range(900):
        last = await jetstream_store.append(
            ANNA, commit(str(number)), expected=last, message_id=f"m{number}"
        )
        if number % 300 == 150:
            proxy.cut()

    async with asyncio.timeout(20):
        assert [one.position for one in await reading] == list(range(1, 901))


async def test_a_reader_notices_that_the_newest_message_was_lost_on_the_way(
    proxy: TcpProxy, behind_proxy: JetStreamStore, jetstream_store: JetStreamStore
) -> None:
    positions = await fill(jetstream_store, 2)
    batches = behind_proxy.read(BEGINNING)
    first = await anext(batches)
    proxy.mute = True
    await jetstream_store.append(ANNA, commit(), expected=positions[-1], message_id="m3")

    reading = asyncio.ensure_future(anext(batches))
    await proxy.swallowed.wait()
    proxy.mute = False

    async with asyncio.timeout(15):
        second = await reading
    assert [one.position for one in (*first, *second)] == [1, 2, 3]
    await batches.aclose()


async def _name_of_the_consumer(connection: Connection) -> str:
    while True:
        for name in await _names_of_consumers(connection):
            return name


async def _names_of_consumers(connection: Connection) -> list[str]:
    answer = await connection.request("$JS.API.CONSUMER.NAMES.EVENTS", b"", within=5)
    names: list[str] | None = msgspec.json.decode(answer.data)["consumers"]
    return names or []
