"""`GET /v1/views/{topic}`."""

import asyncio

import pytest

from events.ids import Position, TaskId
from tests import facts
from tests.query_api.conftest import CREATED
from tests.query_api.house import House, ids, problem

TOPICS = (
    "app",
    "workspace/org_1",
    "repository/repo_1",
    "task/task_1",
    "files/task_1",
    "processes/task_1",
    "job/job_1",
    "transcript/ses_1",
)


@pytest.mark.parametrize("topic", TOPICS)
async def test_every_topic_answers_as_soon_as_a_commit_announced_it(
    house: House, topic: str
) -> None:
    answer = await house.get(f"/v1/views/{topic}?at_least={CREATED}")

    view = answer.json()
    assert answer.status_code == 200
    assert list(view) == ["topic", "epoch", "version", "data"]
    assert view["topic"] == topic
    assert answer.headers["etag"] == f'"{view["epoch"]}.{view["version"]}"'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["content-type"] == "application/json"


async def test_app_is_the_callers_own(house: House) -> None:
    app = await house.view("app")

    assert app["data"]["user"] == {"id": "usr_anna", "name": "Anna"}
    assert ids(app["data"]["organizations"]) == ["org_1"]


async def test_what_is_still_held_is_not_sent_again(house: House) -> None:
    tag = (await house.get("/v1/views/task/task_1")).headers["etag"]

    answer = await house.get("/v1/views/task/task_1", if_none_match=f'"other", W/{tag}')

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert answer.headers["vary"] == "Authorization, Cookie"


async def test_a_changed_view_is_sent_in_full(house: House) -> None:
    tag = (await house.get("/v1/views/task/task_1")).headers["etag"]
    await house.happen(facts.commit(facts.task_renamed(title="Other")))

    answer = await house.get("/v1/views/task/task_1", if_none_match=tag)

    assert answer.status_code == 200
    assert answer.json()["data"]["title"] == "Other"
    assert answer.json()["version"] == CREATED + 1


async def test_a_head_request_has_the_tag_of_the_view(house: House) -> None:
    tag = (await house.get("/v1/views/task/task_1")).headers["etag"]

    async with house.client() as client:
        answer = await client.head("/v1/views/task/task_1")

    assert (answer.status_code, answer.headers["etag"]) == (200, tag)


async def test_a_read_waits_for_the_position_it_names(house: House) -> None:
    later = f"/v1/views/task/task_1?at_least={CREATED + 1}"

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(house.get(later))
        await house.happen(facts.commit(facts.task_renamed(title="Other")))

    assert asking.result().json()["data"]["title"] == "Other"


@pytest.mark.parametrize(
    "path", ["views/app", "views/task/task_1", "tasks", "diffs/task_1", "files/task_1/content"]
)
async def test_a_credential_that_ended_before_the_position_is_refused(
    house: House, path: str
) -> None:
    """Who revoked it may name the position of that: the answer must not be one of before."""
    house.doorkeeper.ended_while_waiting.add(facts.ANNA)

    answer = await house.get(f"/v1/{path}?path=a.txt&at_least={CREATED}")

    problem(answer, 401, "unauthenticated")


async def test_a_position_that_does_not_come_is_not_waited_for_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_api.asked.WAIT_SECONDS", 0.01)

    answer = await house.get("/v1/views/task/task_1?at_least=999")

    problem(answer, 503, "not_caught_up")
    assert int(answer.headers["retry-after"]) >= 1


async def test_what_the_write_side_knows_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = await house.append(facts.commit(facts.task_created(TaskId("task_2"))))
    reached = house.world.models.reached

    async def reached_when_waited_for(asked: Position, *, within: float) -> None:
        await house.catch_up(asked)
        await reached(asked, within=within)

    monkeypatch.setattr(house.world.models, "reached", reached_when_waited_for)

    assert (await house.view("task/task_2"))["version"] == position


async def test_a_transcript_is_paged_back(house: House) -> None:
    entries = [facts.entry(f"line {index}") for index in range(1, 251)]
    await house.happen(facts.commit(facts.entries_appended(*entries)))

    newest = await house.view("transcript/ses_1")
    page = await house.view("transcript/ses_1", "?before=51&limit=20")
    last = await house.view("transcript/ses_1", "?limit=1")

    assert [entry["index"] for entry in newest["data"]["entries"]] == list(range(51, 251))
    assert [entry["index"] for entry in page["data"]["entries"]] == list(range(31, 51))
    assert (page["data"]["first_index"], page["data"]["last_index"]) == (1, 250)
    assert page["version"] == newest["version"]
    assert ids(last["data"]["entries"]) == ["250"]


async def test_before_the_first_entry_there_is_an_empty_page(house: House) -> None:
    assert (await house.view("transcript/ses_1", "?before=1"))["data"]["entries"] == []


@pytest.mark.parametrize(
    "query",
    [
        "at_least=soon",
        "at_least=-1",
        "at_least=1.0",
        "at_least=",
        "at_least=99999999999999999999",
        "at_least=%D9%A3",
        "before=3",
        "limit=3",
        "as_of=x",
    ],
)
async def test_a_parameter_that_cannot_be_used_is_named(house: House, query: str) -> None:
    answer = await house.get(f"/v1/views/task/task_1?{query}")

    document = problem(answer, 400, "malformed")
    assert document["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "before=-1", "before=", "at_least=x"])
async def test_a_question_that_cannot_be_is_refused_also_where_nothing_changed(
    house: House, query: str
) -> None:
    tag = (await house.get("/v1/views/transcript/ses_1")).headers["etag"]

    answer = await house.get(f"/v1/views/transcript/ses_1?{query}", if_none_match=tag)

    problem(answer, 400, "malformed")


async def test_a_parameter_nobody_knows_is_ignored(house: House) -> None:
    assert (await house.get("/v1/views/task/task_1?colour=blue")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "task/task_unknown",
        "task/",
        "task",
        "task/task_1/",
        "task/../task/task_2",
        "app/usr_anna",
        "app/",
        "nothing/task_1",
        "organization/org_1",
        "files/ses_1",
        "task/task_%00",
        "task/task_%ff%fe",
        "task/task_1%0a",
        "task/task_*",
        "task/task_" + "x" * 5000,
        "%",
        "",
        "%2e%2e",
        "workspace/org_eve",
        "transcript/ses_unknown?limit=1",
    ],
)
async def test_what_never_was_is_not_found(house: House, path: str) -> None:
    problem(await house.get(f"/v1/views/{path}"), 404, "not_found")


@pytest.mark.parametrize("start", ["/v1/views/task/", "/v1/history/", "/v1/nothing/"])
async def test_a_problem_says_where_it_arose_as_an_address_does(house: House, start: str) -> None:
    path = f"{start}a%20b%3F%C3%BC%0Ac"

    document = problem(await house.get(path), 404, "not_found")

    assert document["instance"] == path


@pytest.mark.parametrize("topic", TOPICS[1:])
async def test_what_may_not_be_seen_looks_like_what_never_was(house: House, topic: str) -> None:
    unknown = await house.get(f"/v1/views/{topic}x", token="usr_eve")

    unseen = await house.get(f"/v1/views/{topic}", token="usr_eve")

    document = problem(unseen, 404, "not_found")
    assert document["detail"] == problem(unknown, 404, "not_found")["detail"]


async def test_a_removed_repository_is_gone(house: House) -> None:
    await house.happen(facts.commit(facts.repository_removed()))

    problem(await house.get("/v1/views/repository/repo_1"), 404, "not_found")


async def test_a_stranger_is_asked_who_they_are(house: House) -> None:
    for token in (None, "nobody"):
        answer = await house.get("/v1/views/app", token=token)

        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_view_cannot_be_written(house: House) -> None:
    async with house.client() as client:
        answer = await client.post("/v1/views/app")

    problem(answer, 405, "method_not_allowed")


async def test_a_node_that_shuts_down_takes_no_new_questions(house: House) -> None:
    await house.gate.drain(deadline=asyncio.get_running_loop().time())

    problem(await house.get("/v1/views/app"), 503, "draining")


async def test_a_job_of_a_repository_is_a_topic_too(house: House) -> None:
    assert (await house.view("job/job_sync"))["data"]["target"] == {
        "kind": "repository",
        "id": "repo_1",
    }
