"""`?as_of=` and `/v1/why`: a task as it was, and what made it so."""

from collections.abc import Sequence
from urllib.parse import quote

import pytest

from events.commit import Commit, Recorded
from events.ids import BEGINNING, Position, TaskId
from events.store import ALL, Limit
from query_api.task_past import TaskPasts
from tests import facts
from tests.query_api.conftest import CREATED
from tests.query_api.house import House, Json, problem

COURSE = (
    facts.commit(facts.job_opened(), actor=facts.WORKER),
    facts.commit(facts.job_started(), actor=facts.WORKER, at=2000),
    facts.commit(facts.stage_started(), actor=facts.WORKER),
    facts.commit(facts.task_named(), facts.sandbox_allocated(), actor=facts.WORKER),
    facts.commit(facts.stage_succeeded(), actor=facts.WORKER),
    facts.commit(facts.task_renamed(title="Mend login"), command_id="c9", at=3000),
    facts.commit(facts.sandbox_ready(), facts.session_ready(), actor=facts.WORKER, at=4000),
    facts.commit(facts.task_provisioned(), actor=facts.WORKER),
    facts.commit(facts.job_succeeded(), actor=facts.WORKER),
    facts.commit(facts.organization_updated(name="Other")),
    facts.commit(facts.message_delivered(), actor=facts.WORKER, at=5000),
    facts.commit(facts.files_captured(files=(facts.changed_file("a/b.py"),)), actor=facts.WORKER),
    facts.commit(facts.issue_raised(), actor=facts.WORKER),
    facts.commit(facts.turn_ended(), actor=facts.WORKER),
    facts.commit(facts.issue_resolved(), command_id="c18"),
)


async def test_a_task_as_of_each_position_is_the_view_that_was_there_then(house: House) -> None:
    then: dict[int, Json] = {CREATED: await house.view("task/task_1")}
    for position, commit in enumerate(COURSE, CREATED + 1):
        await house.happen(commit)
        then[position] = await house.view("task/task_1")

    for position, view in then.items():
        assert await house.view("task/task_1", f"?as_of={position}") == view


async def test_the_past_has_a_tag_of_its_own(house: House) -> None:
    await house.happen(*COURSE)
    tag = (await house.get(f"/v1/views/task/task_1?as_of={CREATED}")).headers["etag"]

    again = await house.get(f"/v1/views/task/task_1?as_of={CREATED}", if_none_match=tag)
    now = await house.get("/v1/views/task/task_1", if_none_match=tag)

    assert (again.status_code, now.status_code) == (304, 200)


async def test_before_it_was_created_there_was_no_task(house: House) -> None:
    for position in (0, CREATED - 1):
        problem(await house.get(f"/v1/views/task/task_1?as_of={position}"), 404, "not_found")


async def test_a_position_still_to_come_is_not_caught_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_api.views.WAIT_SECONDS", 0.01)

    answer = await house.get("/v1/views/task/task_1?as_of=999")

    problem(answer, 503, "not_caught_up")


async def test_only_tasks_have_a_past(house: House) -> None:
    problem(await house.get("/v1/views/workspace/org_1?as_of=2"), 400, "malformed")


async def test_the_past_of_another_organization_is_not_seen(house: House) -> None:
    for path in (f"/v1/views/task/task_1?as_of={CREATED}", "/v1/why/task/task_1?field=/title"):
        problem(await house.get(path, token="usr_eve"), 404, "not_found")


async def test_a_history_that_is_too_long_is_refused_with_a_way_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_api.task_past.LONGEST", 6)
    await house.happen(*COURSE)

    late = await house.get(f"/v1/views/task/task_1?as_of={CREATED + 9}")
    early = await house.get(f"/v1/views/task/task_1?as_of={CREATED + 1}")

    assert "/v1/history" in problem(late, 422, "too_old")["detail"]
    assert early.status_code == 200


async def test_a_history_that_is_too_heavy_is_refused_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = facts.commit(facts.task_renamed(title="x" * 200))
    await house.happen(*COURSE, *[long] * 3)
    monkeypatch.setattr("query_api.task_past.HEAVIEST", 3_000)

    late = await house.get("/v1/why/task/task_1?field=/title")
    early = await house.get(f"/v1/views/task/task_1?as_of={CREATED}")

    problem(late, 422, "too_old")
    assert early.status_code == 200


async def test_no_more_is_read_than_is_folded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_api.task_past.LONGEST", 6)
    renamed = facts.commit(facts.task_renamed())
    await house.happen(*COURSE, *[renamed] * 20)
    read: list[int] = []
    load = house.store.load

    async def counted(
        subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        found = await load(subject, after=after, limit=limit)
        read.append(len(found))
        return found

    monkeypatch.setattr(house.store, "load", counted)

    problem(await house.get("/v1/why/task/task_1?field=/title"), 422, "too_old")
    (await house.get("/v1/history/task_1?limit=1")).raise_for_status()

    assert read == [7, 2]


@pytest.mark.parametrize(
    ("field", "value", "event", "position", "command", "actor", "at"),
    [
        ("/title", "Mend login", "task_renamed", 10, "c9", facts.ANNA, 3000),
        ("/prompt", "Please fix the login.", "task_created", 4, "c4", facts.ANNA, 1000),
        ("/branch", "fix-login", "task_named", 8, None, facts.WORKER, 1000),
        ("/sandboxes/sbx_1/host", "h1", "sandbox_allocated", 8, None, facts.WORKER, 1000),
        ("/sandboxes/sbx_1/status", "ready", "sandbox_ready", 11, None, facts.WORKER, 4000),
        ("/sessions/ses_1/status", "idle", "turn_ended", 18, None, facts.WORKER, 1000),
        ("/sessions/ses_1/queue", [], "message_delivered", 15, None, facts.WORKER, 5000),
        ("/jobs/job_1/status", "succeeded", "job_succeeded", 13, None, facts.WORKER, 1000),
        ("/issues/iss_1/resolved_at", 1000, "issue_resolved", 19, "c18", facts.ANNA, 1000),
        ("/pull_request", None, "task_created", 4, "c4", facts.ANNA, 1000),
    ],
)
async def test_a_field_tells_who_made_it_what_it_is(
    house: House,
    field: str,
    value: object,
    event: str,
    position: int,
    command: str | None,
    actor: str,
    at: int,
) -> None:
    await house.happen(*COURSE)

    answer = await house.get(f"/v1/why/task/task_1?field={quote(field, safe='')}")

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "field": field,
        "value": value,
        "position": position,
        "event": event,
        "command": None if command is None else {"id": command, "name": "some.command"},
        "actor": actor,
        "at": at,
    }


def fields_of(value: Json | list[Json], at: str = "") -> dict[str, object]:
    """Every object, list and value in a view, by the pointer `why` takes."""
    inner = value.items() if isinstance(value, dict) else ((one["id"], one) for one in value)
    found: dict[str, object] = {}
    for name, one in inner:
        place = f"{at}/{name}"
        found[place] = one
        if isinstance(one, dict) or (isinstance(one, list) and all("id" in each for each in one)):
            found |= fields_of(one, place)
    return found


async def test_every_field_was_otherwise_before_the_commit_that_is_named(house: House) -> None:
    await house.happen(*COURSE)
    past = {
        at: fields_of((await house.view("task/task_1", f"?as_of={at}"))["data"])
        for at in range(CREATED, CREATED + len(COURSE) + 1)
    }

    for field, value in fields_of((await house.view("task/task_1"))["data"]).items():
        why = (await house.get(f"/v1/why/task/task_1?field={quote(field, safe='')}")).json()
        at = why["position"]
        assert (why["value"], past[at][field]) == (value, value), field
        assert at == CREATED or past[at - 1].get(field, "not there") != value, field


async def test_a_whole_list_tells_who_changed_it_last(house: House) -> None:
    await house.happen(*COURSE)

    answer = (await house.get("/v1/why/task/task_1?field=/issues")).json()

    assert (answer["event"], [issue["id"] for issue in answer["value"]]) == (
        "issue_resolved",
        ["iss_1"],
    )


async def test_an_empty_list_is_as_it_was_created(house: House) -> None:
    answer = (await house.get("/v1/why/task/task_1?field=/issues")).json()

    assert (answer["event"], answer["value"], answer["position"]) == ("task_created", [], CREATED)


@pytest.mark.parametrize("field", ["/nothing", "/sessions/ses_2/status", "/title/0", "/_course"])
async def test_a_field_that_is_not_there_is_not_found(house: House, field: str) -> None:
    problem(await house.get(f"/v1/why/task/task_1?field={field}"), 404, "not_found")


async def test_what_is_not_there_any_more_is_not_found(house: House) -> None:
    waiting = "/v1/why/task/task_1?field=/sessions/ses_1/queue/msg_1/text"
    assert (await house.get(waiting)).json()["event"] == "message_queued"

    await house.happen(*COURSE)

    problem(await house.get(waiting), 404, "not_found")


@pytest.mark.parametrize("query", ["", "?field=", "?field=title", "?field=/a~9", "?field=/%00"])
async def test_what_is_no_pointer_is_malformed(house: House, query: str) -> None:
    problem(await house.get(f"/v1/why/task/task_1{query}"), 400, "malformed")


async def test_commits_of_another_task_do_not_count(house: House) -> None:
    other: Commit = facts.commit(facts.task_created(TaskId("task_2"), title="Other"))
    await house.happen(other, facts.commit(facts.task_renamed(TaskId("task_2"))))

    answer = (await house.get("/v1/why/task/task_1?field=/title")).json()

    assert (answer["value"], answer["position"]) == ("Fix login", CREATED)


async def test_histories_are_read_no_further_than_asked(house: House) -> None:
    await house.happen(*COURSE)
    pasts = TaskPasts(house.world.models, house.store)

    commits = await pasts.commits(facts.TASK, up_to=CREATED)

    assert [commit.position for commit in commits] == [CREATED]
