"""The store on a server that lets people in by a credentials file."""

from pathlib import Path

import pytest

from events.ids import BEGINNING
from events.jetstream import open_store
from events.jetstream_api import JetStreamApi
from runtime.connection import connect
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer
from tests.contracts.nats_operator import operator_server
from tests.contracts.sample_commits import ANNA, commit
from tests.nats_process import nats_server_in

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


@pytest.mark.parametrize(
    ("denied", "asked", "named"),
    [
        ({"publish": {"deny": "$JS.API.STREAM.CREATE.>"}}, "STREAM.CREATE.EVENTS", "create.events"),
        ({"publish": {"deny": "$JS.API.CONSUMER.>"}}, "CONSUMER.CREATE.EVENTS", "consumer.create"),
        ({"subscribe": {"deny": "_INBOX.>"}}, "STREAM.INFO.EVENTS", "_inbox"),
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
            with pytest.raises(Unavailable, match=f"permissions violation.*{named}"):
                await api.call(asked, {}, dict[str, object])

    assert ["may not do" in one.getMessage() for one in caplog.records] == [True]


async def test_a_commit_that_the_account_may_not_store_says_why(tmp_path: Path) -> None:
    with nats_server_in(tmp_path, permissions={"publish": {"deny": "evt.>"}}) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection, attempt=0.2, patience=0.5)
            with pytest.raises(Unavailable, match=f"permissions violation.*{ANNA}"):
                await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
            # It is no reason for what goes unanswered for reasons of its own.
            await connection.client.subscribe("nobody.answers")
            with pytest.raises(NoAnswer) as silent:
                await connection.request("nobody.answers", b"", within=0.2)

    assert "violation" not in str(silent.value)
