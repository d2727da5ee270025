"""The store on a server that lets people in by a credentials file."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from events.ids import BEGINNING
from events.jetstream import open_store
from events.jetstream_api import JetStreamApi
from events.jetstream_stream import UnfitStream
from events.store import subject_of
from gateway.relay import NatsRelay
from runtime.connection import connect
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer
from tests.contracts.nats_operator import operator_server
from tests.contracts.sample_commits import ANNA, commit, fill, hints_of, take
from tests.nats_process import nats_server_in
from workflows.presence import Presence

ROOT = Path(__file__).parent.parent.parent
TASK = subject_of("task", "task_1")
WITHIN = 30.0
NOBODY = "nats://127.0.0.1:9"


async def test_whoever_has_the_credentials_comes_in(tmp_path: Path) -> None:
    with operator_server(tmp_path) as (url, creds):
        async with connect(url, creds=str(creds), within=10) as connection:
            store = await open_store(connection)
            position = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

            assert [one.position for one in await store.load(ANNA)] == [position]


async def test_authorities_that_are_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing of the kind\n")

    with pytest.raises(Unavailable, match="cannot be used"):
        async with connect(NOBODY, ca=str(tmp_path / "file"), within=2):
            pass


async def test_credentials_that_are_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing of the kind\n")

    with operator_server(tmp_path) as (url, _), pytest.raises(Unavailable) as refusal:
        async with connect(url, creds=str(tmp_path / "file"), within=2):
            pass

    assert "redentials" in refusal.value.detail


async def test_the_rights_that_are_documented_are_enough(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with nats_server_in(tmp_path, permissions=documented_rights()) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection)
            async with hints_of(store) as told:
                position = BEGINNING
                while not told:
                    position = await store.append(
                        TASK, commit(), expected=position, message_id=f"m{position}"
                    )
                    await asyncio.sleep(0.01)
            await store.renew_hints()
            assert len(await store.load(TASK)) == await store.head() == position
            assert len(await take(store, BEGINNING, position)) == position
            newest = await store.last(TASK)
            assert newest is not None
            assert newest.position == position
            # Which a replicated log is asked for.
            question = msgspec.json.encode({"last_by_subj": TASK})
            answer = await connection.request(
                "$JS.API.STREAM.MSG.GET.EVENTS", question, within=WITHIN
            )
            assert b'"seq":%d' % position in answer.data
            for attempt in range(2):
                large = await store.put_blob(b"large" * (1 << 20))
                assert await store.get_blob(large.id) is not None, attempt
            relay = NatsRelay(connection.client)
            async with relay.serving("host-1", echo):
                assert await relay.forward("host-1", b"here") == b"here"
            presence = Presence(connection, host="host-1", worker="host-1/a", away_seconds=1.0)
            async with presence.listening():
                await presence.leave()
                while not presence.gone("host-1"):
                    await asyncio.sleep(0.01)

    assert not caplog.records


@pytest.mark.parametrize(
    ("denied", "asked", "named"),
    [
        ({"publish": {"deny": "$JS.API.STREAM.CREATE.>"}}, "STREAM.CREATE.EVENTS", "CREATE.EVENTS"),
        ({"publish": {"deny": "$JS.API.CONSUMER.>"}}, "CONSUMER.CREATE.EVENTS", "CONSUMER.CREATE"),
        ({"subscribe": {"deny": "_INBOX.>"}}, "STREAM.INFO.EVENTS", "_INBOX"),
    ],
)
async def test_what_the_account_may_not_do_is_told_to_whoever_waits_for_it(
    tmp_path: Path,
    denied: dict[str, object],
    asked: str,
    named: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with nats_server_in(tmp_path, permissions=denied) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            api = JetStreamApi(connection, "EVENTS", attempt=0.2, patience=1.0)
            with pytest.raises(Unavailable, match=f"Permissions Violation.*{named}"):
                await api.call(asked, {}, dict[str, object])

    assert ["may not do" in one.getMessage() for one in caplog.records] == [True]


async def test_a_commit_that_the_account_may_not_store_says_why(tmp_path: Path) -> None:
    with nats_server_in(tmp_path, permissions={"publish": {"deny": "evt.>"}}) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection, attempt=0.2, patience=0.5)
            with pytest.raises(Unavailable, match=f"Permissions Violation.*{ANNA}"):
                await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
            # It is no reason for what goes unanswered for reasons of its own.
            await connection.client.subscribe("nobody.answers")
            with pytest.raises(NoAnswer) as silent:
                await connection.request("nobody.answers", b"", within=0.2)

    assert "violation" not in str(silent.value)


async def test_an_account_without_room_refuses_commits_until_it_has_some(tmp_path: Path) -> None:
    with nats_server_in(tmp_path, limits={"max_file": 10_000, "max_memory": -1}) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection, attempt=0.5, patience=0.5)
            with pytest.raises(Unavailable, match="resource limits exceeded"):
                await fill(store, 200)

            assert len(await store.load(ANNA)) == await store.head() > 0


async def test_an_account_that_may_have_no_second_stream_says_so_of_its_blobs(
    tmp_path: Path,
) -> None:
    limits = {"max_streams": 1, "max_file": -1, "max_memory": -1}
    with nats_server_in(tmp_path, limits=limits) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection)
            with pytest.raises(Unavailable, match="maximum number of streams reached"):
                await store.put_blob(b"content")


async def test_an_account_in_which_the_log_cannot_be_made_is_no_matter_of_replicas(
    tmp_path: Path,
) -> None:
    limits = {"max_bytes_required": True, "max_file": -1, "max_memory": -1}
    with nats_server_in(tmp_path, limits=limits) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            with pytest.raises(UnfitStream, match="max bytes set") as refusal:
                await open_store(connection)

    assert "REPLICAS" not in str(refusal.value)


def documented_rights() -> dict[str, object]:
    """What docs/operations.md says a user needs."""
    text = (ROOT / "docs" / "operations.md").read_text()
    (rights,) = re.findall(r"^permissions: \{$.*?^\}$", text, re.MULTILINE | re.DOTALL)
    publish, subscribe = rights.split("subscribe:")
    return {
        name: {"allow": re.findall(r'"([^"]+)"', part)}
        for name, part in (("publish", publish), ("subscribe", subscribe))
    }


async def echo(request: bytes) -> bytes:
    return request
