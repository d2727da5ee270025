"""The bodies of commands: what is wrong in one gets a problem that names the place, never a 500 and never a commit."""

import httpx
import pytest

from commands.bodies import BODY_LIMIT
from commands.catalog import CATALOG
from commands.task import TASK
from commands.task_state import Task
from tests.commands.edge import CREATE, JSON, check_problem
from tests.commands.node import REMOTE, Acme, Node, key


async def test_the_same_body_spelt_otherwise_is_the_same_body(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": key("k"), **JSON}
    first = await client.post(CREATE, content=b'{"name":"\\u0041cme"}', headers=headers)

    spelt = b'{ "organization_id": null, "name": "Acme" }'
    second = await client.post(CREATE, content=spelt, headers=headers)

    assert second.json() == first.json()


async def test_a_body_with_null_means_what_it_means_without(
    client: httpx.AsyncClient, place: Acme
) -> None:
    body = {"repository_id": place.repository_id, "prompt": "x"}
    headers = {"Idempotency-Key": key("k")}
    first = await client.post("/v1/commands/task.create", json=body, headers=headers)

    for said in (None, "ask"):
        spelt = {**body, "title": None, "permissions": said}
        again = await client.post("/v1/commands/task.create", json=spelt, headers=headers)
        assert again.json() == first.json()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'"name"', ""),
        (b'{"name":"a"} x', ""),
        (b"\xef\xbb\xbf{}", ""),
        (b'{"name":"\xff"}', ""),
        (b'{"name":"\\ud800"}', ""),
        (b"{}", "/name"),
        (b'{"name":"a","colour":"red"}', "/colour"),
        (b'{"name":"a","name":"b"}', "/name"),
        (b'{"name":7}', "/name"),
        (b'{"name":null}', "/name"),
        (b'{"name":""}', "/name"),
        (b'{"name":"  "}', "/name"),
        (b'{"name":"a\\nb"}', "/name"),
        (b'{"name":"ab\\n"}', "/name"),
        (b'{"name":"a\\u0000"}', "/name"),
        (b'{"name":"a\\u001b[0m"}', "/name"),
        (b'{"name":"' + b"a" * 201 + b'"}', "/name"),
        (b'{"name":"a","organization_id":"ORG"}', "/organization_id"),
        (b'{"name":"a","organization_id":"org_>"}', "/organization_id"),
        (b'{"name":"a","organization_id":"org_' + b"a" * 60 + b'"}', "/organization_id"),
        (b'{"name":"a","expected_version":-1}', "/expected_version"),
        (b'{"name":"a","expected_version":1.5}', "/expected_version"),
        (b'{"name":"a","expected_version":true}', "/expected_version"),
        (b'{"name":"a","expected_version":NaN}', ""),
        (b'{"name":"a","expected_version":' + b"9" * 5000 + b"}", "/expected_version"),
        (b'{"name":"a","expected_version":1e999}', "/expected_version"),
        (b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "/name"),
        (b'{"x":' + b'{"x":' * 50_000 + b"1" + b"}" * 50_001, "/x"),
    ],
)
async def test_a_bad_body_is_malformed_with_the_place_and_nothing_is_stored(
    client: httpx.AsyncClient, node: Node, body: bytes, pointer: str
) -> None:
    head = await node.store.head()

    response = await client.post(CREATE, content=body, headers=JSON)

    problem = check_problem(response, 400, "malformed")
    errors = problem["errors"]
    assert isinstance(errors, list)
    assert errors[0]["pointer"] == pointer
    assert await node.store.head() == head


@pytest.mark.parametrize(
    ("command", "fields", "status", "code"),
    [
        ("task.create", {"prompt": ""}, 400, "malformed"),
        ("task.create", {"prompt": " \n"}, 400, "malformed"),
        ("task.create", {"prompt": "a\0b"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "title": "a\tb"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "branch": "-x"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "branch": "a\nb"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "permissions": "maybe"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "task_id": "task_A"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "agent": "no body"}, 400, "malformed"),
        ("task.create", {"prompt": "x", "agent": "nobody"}, 422, "unknown_agent"),
        ("task.create", {"prompt": "x", "sandbox": "moon"}, 422, "unknown_sandbox"),
        ("task.create", {"prompt": "x" * 262_145}, 400, "malformed"),
        ("task.create", {"prompt": "\u00e9" * 131_073}, 400, "malformed"),
        ("task.create", {"prompt": "x", "repository_id": "repo_never"}, 404, "not_found"),
        ("task.create", {"prompt": "x", "repository_id": "repo_>.*"}, 404, "not_found"),
        ("task.create", {"prompt": "x", "repository_id": ""}, 400, "malformed"),
        ("repository.act", {"action": "explode"}, 400, "malformed"),
        ("repository.act", {"action": "sync_repo", "branch": "x"}, 400, "malformed"),
        ("repository.act", {"action": "rebase_branch"}, 400, "malformed"),
    ],
)
async def test_a_bad_field_gets_its_problem_and_nothing_is_stored(
    client: httpx.AsyncClient,
    node: Node,
    place: Acme,
    command: str,
    fields: dict[str, object],
    status: int,
    code: str,
) -> None:
    head = await node.store.head()
    body = {"repository_id": place.repository_id} | fields

    response = await client.post(f"/v1/commands/{command}", json=body)

    check_problem(response, status, code)
    assert await node.store.head() == head


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        ("task.create", "agent", "nobody"),
        ("task.create", "sandbox", "moon"),
        ("organization.update", "default_agent", "nobody"),
        ("organization.create", "organization_id", None),
        ("repository.add", "repository_id", None),
        ("repository.add", "remote_url", REMOTE),
    ],
)
async def test_a_field_that_names_what_is_unknown_or_taken_is_pointed_at(
    client: httpx.AsyncClient, place: Acme, command: str, field: str, value: str | None
) -> None:
    there = {"organization_id": place.organization_id, "repository_id": place.repository_id}
    others: dict[str, dict[str, str]] = {
        "task.create": {"repository_id": place.repository_id, "prompt": "x"},
        "organization.update": {"organization_id": place.organization_id},
        "organization.create": {"name": "Acme"},
        "repository.add": {"organization_id": place.organization_id, "remote_url": f"{REMOTE}2"},
    }
    data = {**others[command], field: value or there[field]}

    alone = await client.post(f"/v1/commands/{command}", json=data)
    line = await client.post(
        "/v1/commands",
        json={"name": command, "data": data},
        headers={"content-type": "application/x-ndjson"},
    )

    (place_alone,) = alone.json()["errors"]
    (place_in_line,) = line.json()["errors"]
    assert (place_alone["pointer"], place_in_line["pointer"]) == (f"/{field}", f"/data/{field}")
    assert place_alone["detail"] == alone.json()["detail"]


async def test_what_may_be_left_out_may_be_null(client: httpx.AsyncClient, place: Acme) -> None:
    optional = ("title", "branch", "on_branch", "agent", "model", "sandbox", "permissions")
    body = {"repository_id": place.repository_id, "prompt": "x", **dict.fromkeys(optional)}

    created = await client.post("/v1/commands/task.create", json=body)
    ids = created.json()["ids"]
    task = {"task_id": ids["task_id"]}
    sent = await client.post(
        "/v1/commands/agent_session.send",
        json={**task, "session_id": ids["session_id"], "text": "y", "attachments": None},
    )

    assert (created.status_code, sent.status_code) == (202, 202)


async def test_a_large_prompt_passes_and_is_the_sessions_first_message(
    client: httpx.AsyncClient, place: Acme
) -> None:
    body = {"repository_id": place.repository_id, "prompt": "x" * 262_144}

    response = await client.post("/v1/commands/task.create", json=body)

    assert response.status_code == 202


async def test_a_prompt_within_all_limits_is_no_commit_that_is_too_large(
    client: httpx.AsyncClient, node: Node, place: Acme
) -> None:
    prompt = '"' * 140_000 + "x" * 122_144
    body = {"repository_id": place.repository_id, "prompt": prompt}

    response = await client.post("/v1/commands/task.create", json=body)

    assert response.status_code == 202, response.text
    task = (await node.aggregates.load(TASK, response.json()["ids"]["task_id"])).state
    assert isinstance(task, Task)
    node.aggregates.forget_all()
    assert (await node.aggregates.load(TASK, task.task_id)).state == task
    (session,) = task.sessions.values()
    assert [waiting.text for waiting in session.queue] == [prompt]


async def test_a_body_over_the_limit_is_too_large(client: httpx.AsyncClient) -> None:
    body = b'{"name":"' + b"a" * BODY_LIMIT + b'"}'

    check_problem(await client.post(CREATE, content=body, headers=JSON), 413, "too_large")


@pytest.mark.parametrize("command", CATALOG)
async def test_every_command_survives_an_empty_body(
    client: httpx.AsyncClient, node: Node, command: str
) -> None:
    response = await client.post(f"/v1/commands/{command}", json={})

    assert response.status_code == (202 if command == "token.create" else 400)
