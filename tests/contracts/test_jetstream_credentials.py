"""The store on a server that lets people in by a credentials file."""

from pathlib import Path

import pytest

from events.ids import BEGINNING
from events.jetstream import open_store
from runtime.connection import connect
from runtime.errors import Unavailable
from tests.contracts.nats_operator import operator_server
from tests.contracts.sample_commits import ANNA, commit

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
