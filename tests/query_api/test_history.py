"""`GET /v1/history/{id}`: the audit trail."""

import pytest

from events import codec
from events.commit import Recorded
from events.ids import Position, Timestamp, TokenId
from events.memory import MemoryStore
from events.user import AppSessionStarted, TokenCreated
from query_api.history import PAGE_BYTES, entry_of, one_page
from tests import facts
from tests.query_api.conftest import CREATED
from tests.query_api.house import House, problem


async def test_a_history_tells_what_happened_by_whose_command_and_when(house: House) -> None:
    answer = await house.get("/v1/history/task_1")

    assert answer.json() == {
        "id": "task_1",
        "entries": [
            {
                "position": CREATED,
                "events": [
                    "task_created",
                    "agent_session_created",
                    "message_queued",
                    "job_announced",
                ],
                "actor": "usr_anna",
                "command": {"id": "c4", "name": "some.command"},
                "at": 1000,
            }
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("aggregate", "first"),
    [
        ("org_1", "organization_created"),
        ("task_1", "task_created"),
        ("usr_anna", "user_created"),
        ("job_1", "job_opened"),
        ("ses_1", "entries_appended"),
        ("repo_1", "repository_synced"),
    ],
)
async def test_every_kind_of_aggregate_has_a_history(
    house: House, aggregate: str, first: str
) -> None:
    await house.happen(
        facts.commit(facts.job_opened()),
        facts.commit(facts.entries_appended(facts.entry())),
        facts.commit(facts.repository_synced(facts.branch())),
    )

    entries = (await house.get(f"/v1/history/{aggregate}")).json()["entries"]

    assert entries[0]["events"][0] == first


async def test_a_history_is_read_page_by_page(house: House) -> None:
    for number in range(5):
        await house.happen(facts.commit(facts.task_renamed(title=f"Title {number}")))

    first = (await house.get("/v1/history/task_1?limit=4")).json()
    rest = (await house.get(f"/v1/history/task_1?limit=4&after={first['next']}")).json()

    assert [entry["position"] for entry in first["entries"]] == [4, 5, 6, 7]
    assert [entry["position"] for entry in rest["entries"]] == [8, 9]
    assert rest["next"] is None


async def test_the_facts_come_in_full_when_asked_for(house: House) -> None:
    entries = (await house.get("/v1/history/task_1?facts=true")).json()["entries"]

    assert entries[0]["facts"][0]["type"] == "task_created"
    assert entries[0]["facts"][0]["title"] == "Fix login"


async def test_a_wish_for_facts_is_true_or_false(house: House) -> None:
    entries = (await house.get("/v1/history/task_1?facts=false")).json()["entries"]

    assert "facts" not in entries[0]
    problem(await house.get("/v1/history/task_1?facts=maybe"), 400, "malformed")


async def test_hashes_of_secrets_are_never_shown(house: House) -> None:
    token = TokenCreated(user_id=facts.ANNA, token_id=TokenId("tok_1"), hash="5ec4e7")
    cookie = AppSessionStarted(
        user_id=facts.ANNA, app_session_id="a1", hash="5ec4e7", expires_at=Timestamp(9)
    )
    await house.happen(facts.commit(token), facts.commit(cookie))

    answer = await house.get("/v1/history/usr_anna?facts=true")

    assert "token_created" in answer.text
    assert "app_session_started" in answer.text
    assert "5ec4e7" not in answer.text
    assert "hash" not in answer.text


@pytest.mark.parametrize("aggregate", ["task_1", "org_1", "repo_1", "job_1", "ses_1", "usr_anna"])
async def test_the_history_of_what_may_not_be_seen_is_not_found(
    house: House, aggregate: str
) -> None:
    problem(await house.get(f"/v1/history/{aggregate}", token="usr_eve"), 404, "not_found")


@pytest.mark.parametrize(
    "aggregate", ["tok_1", "sbx_1", "task", "task_", "task_unknown", "evt.task.task_1", "%3E", "*"]
)
async def test_what_is_no_aggregate_has_no_history(house: House, aggregate: str) -> None:
    problem(await house.get(f"/v1/history/{aggregate}"), 404, "not_found")


async def test_a_removed_repository_keeps_its_history(house: House) -> None:
    await house.happen(
        facts.commit(facts.repository_synced(facts.branch())),
        facts.commit(facts.repository_removed()),
    )

    assert (await house.get("/v1/history/repo_1")).json()["entries"]


async def test_a_commit_that_cannot_be_read_says_so(memory_store: MemoryStore) -> None:
    await memory_store.append(
        "evt.task.task_1",
        facts.commit(facts.task_created()),
        expected=Position(0),
        message_id="m1",
    )
    [stored] = await memory_store.load("evt.task.task_1")
    damaged = with_body(stored, stored.body[:-1])

    entry = entry_of(damaged, with_facts=True)

    assert (entry.position, entry.events, entry.unreadable) == (1, [], True)


async def test_a_page_holds_no_more_than_fits_into_an_answer(memory_store: MemoryStore) -> None:
    await memory_store.append(
        "evt.task.task_1",
        facts.commit(facts.task_created()),
        expected=Position(0),
        message_id="m1",
    )
    [stored] = await memory_store.load("evt.task.task_1")
    large = with_body(stored, b"x" * (PAGE_BYTES // 2))

    assert len(one_page([large] * 5, 10)) == 2
    assert len(one_page([with_body(stored, b"x" * (PAGE_BYTES + 1))] * 2, 10)) == 1


def with_body(stored: Recorded, body: bytes) -> Recorded:
    return Recorded(
        position=stored.position,
        subject=stored.subject,
        message_id=stored.message_id,
        body=body,
        decode=codec.decode,
    )
