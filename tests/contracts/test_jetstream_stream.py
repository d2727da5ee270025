"""The stream that holds the log: what it has to be, and that it is missed when it is taken away."""

import msgspec
import pytest

from events.jetstream import JetStreamStore, open_store
from events.jetstream_api import JetStreamApi
from events.jetstream_stream import StreamConfig, UnfitStream, dangers, differences, wanted
from runtime.connection import Connection
from runtime.errors import Unavailable
from tests.contracts.sample_commits import ANNA, fill


async def test_a_stream_with_other_settings_is_used_and_the_difference_logged(
    nats_connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await _make_stream(nats_connection, wanted("EVENTS", replicas=1, duplicate_window=60))

    await open_store(nats_connection)

    (line,) = [one for one in caplog.records if "settings" in one.getMessage()]
    assert line.__dict__["setting"] == "duplicate_window"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_age", 10**12),
        ("max_msgs", 1000),
        ("max_bytes", 10**9),
        ("max_msgs_per_subject", 5),
        ("storage", "memory"),
        ("allow_direct", False),
        ("max_msg_size", 1000),
        ("retention", "workqueue"),
        ("subjects", ("evt.task.>",)),
    ],
)
async def test_a_stream_that_could_lose_events_is_refused(
    nats_connection: Connection, setting: str, value: object
) -> None:
    config = wanted("EVENTS", replicas=1, duplicate_window=120)
    await _make_stream(nats_connection, msgspec.structs.replace(config, **{setting: value}))

    with pytest.raises(UnfitStream, match=setting.partition("_")[0]):
        await open_store(nats_connection)


async def test_a_limit_for_each_subject_loses_events_also_where_new_ones_are_to_be_refused(
    nats_connection: Connection,
) -> None:
    config = wanted("EVENTS", replicas=1, duplicate_window=120)
    config = msgspec.structs.replace(config, max_msgs_per_subject=1, discard="new")
    await _make_stream(nats_connection, config)
    for _ in range(2):
        answer = await nats_connection.request(ANNA, b"{}", within=5)
        assert b"error" not in answer.data
    first = await nats_connection.request("$JS.API.DIRECT.GET.EVENTS", b'{"seq": 1}', within=5)
    assert b"404" in first.header

    with pytest.raises(UnfitStream, match="max_msgs_per_subject"):
        await open_store(nats_connection)


async def test_more_replicas_than_there_are_servers_are_refused_with_what_to_do(
    nats_connection: Connection,
) -> None:
    with pytest.raises(UnfitStream, match=r"on 3 server.*FOUNDRY_NATS_REPLICAS"):
        await open_store(nats_connection, replicas=3)


async def test_a_store_opened_twice_finds_its_own_stream(
    nats_connection: Connection, jetstream_store: JetStreamStore, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(jetstream_store, 2)

    again = await open_store(nats_connection)

    assert await again.head() == 2
    assert again.replicas == 1
    assert caplog.records == []


def test_a_limit_that_refuses_new_events_instead_of_dropping_old_ones_is_no_danger() -> None:
    ours = wanted("EVENTS", replicas=3, duplicate_window=120)
    capped = msgspec.structs.replace(ours, max_bytes=10**9, discard="new")

    each = msgspec.structs.replace(ours, max_msgs_per_subject=5, discard="new")

    assert dangers(capped) == []
    assert [reason.split()[0] for reason in dangers(each)] == ["max_msgs_per_subject"]
    assert differences(ours, capped) == [("discard", "old", "new"), ("max_bytes", -1, 10**9)]


async def _make_stream(connection: Connection, config: StreamConfig) -> None:
    # Patiently: a server that is still removing the stream of the test before has no place for ours.
    await JetStreamApi(connection, "EVENTS").call("STREAM.CREATE.EVENTS", config, dict[str, object])


async def test_a_stream_that_is_taken_away_is_missed_with_what_to_do(
    nats_connection: Connection,
    jetstream_store: JetStreamStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("events.jetstream_stream.HEARSAY_SECONDS", 0.1)
    await nats_connection.request("$JS.API.STREAM.DELETE.EVENTS", b"", within=5)

    with pytest.raises(Unavailable, match="restore it from a backup, or start a node anew"):
        await jetstream_store.head()


async def test_content_can_be_kept_again_after_its_bucket_was_taken_away(
    nats_connection: Connection, jetstream_store: JetStreamStore
) -> None:
    await jetstream_store.put_blob(b"before")
    await nats_connection.request("$JS.API.STREAM.DELETE.OBJ_BLOBS", b"", within=5)

    with pytest.raises(Unavailable):
        await jetstream_store.put_blob(b"lost")
    blob = await jetstream_store.put_blob(b"after")

    assert await jetstream_store.get_blob(blob.id) == b"after"
