"""The HTTP edge: what is asked wrongly gets a problem, never a 500 and never a commit."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from commands.bodies import BATCH_LIMIT, BODY_LIMIT
from commands.catalog import CATALOG
from commands.credentials import OWNER
from commands.http import routes
from commands.login_codes import LoginCodes
from commands.sign_in import SignIn
from runtime.http import Authenticator
from runtime.lifecycle import Gate
from runtime.problems import HANDLERS
from tests.commands.node import OWNER_TOKEN, Acme, Node, acme, key, task_of

NAME = {"name": "Acme"}
CREATE = "/v1/commands/organization.create"
JSON = {"content-type": "application/json"}


class Edge:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.gate = Gate("commands")
        self.codes = LoginCodes(node.now)
        sign_in = SignIn(node.access, node.reports, self.codes, node.now)
        app = Starlette(
            routes=routes(node.commands, Authenticator(node.access), sign_in, self.gate),
            exception_handlers=HANDLERS,
        )
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def client(self, token: str | None = OWNER_TOKEN) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=self.transport, base_url="http://foundry", headers=headers
        )


@pytest.fixture
async def edge(node: Node) -> Edge:
    await node.owner()
    return Edge(node)


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with edge.client() as client:
        yield client


@pytest.fixture
async def place(node: Node, edge: Edge) -> Acme:
    return await acme(node)


def check_problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    return problem


# --- One command ---


async def test_a_command_is_answered_with_what_it_did(
    client: httpx.AsyncClient, node: Node
) -> None:
    response = await client.post(CREATE, json=NAME, headers={"Idempotency-Key": key("k")})

    assert response.status_code == 202
    answer = response.json()
    assert answer == {
        "command_id": key("k"),
        "position": await node.store.head(),
        "events": ["organization_created"],
        "ids": {"organization_id": answer["ids"]["organization_id"]},
    }


async def test_the_key_may_be_spelt_in_capitals_and_quotes(client: httpx.AsyncClient) -> None:
    first = await client.post(CREATE, json=NAME, headers={"Idempotency-Key": key("k")})
    quoted = f'"{key("k").upper()}"'

    second = await client.post(CREATE, json=NAME, headers={"Idempotency-Key": quoted})

    assert second.json() == first.json()


async def test_the_same_body_spelt_otherwise_is_the_same_body(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": key("k"), **JSON}
    first = await client.post(CREATE, content=b'{"name":"\\u0041cme"}', headers=headers)

    spelt = b'{ "organization_id": null, "name": "Acme" }'
    second = await client.post(CREATE, content=spelt, headers=headers)

    assert second.json() == first.json()


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
    errors = problem.get("errors", [{"pointer": ""}])
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
        ("task.create", {"prompt": "x", "repository_id": "repo_never"}, 404, "not_found"),
        ("task.create", {"prompt": "x", "repository_id": "repo_>.*"}, 404, "not_found"),
        ("task.create", {"prompt": "x", "repository_id": ""}, 400, "malformed"),
        ("repository.act", {"action": "explode"}, 400, "malformed"),
        ("repository.act", {"action": "sync_repo"}, 422, "rejected"),
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


@pytest.mark.parametrize("remote", ["", "ftp://x/y", "/etc", "https://u:p@x/y", "-oProxy", "a\nb"])
async def test_a_bad_address_is_malformed(
    client: httpx.AsyncClient, place: Acme, remote: str
) -> None:
    body = {"organization_id": place.organization_id, "remote_url": remote}

    response = await client.post("/v1/commands/repository.add", json=body)

    check_problem(response, 400, "malformed")


async def test_the_same_repository_again_exists_already(
    client: httpx.AsyncClient, place: Acme
) -> None:
    spelt = "ssh://git@example.com:22/acme/web"
    body = {"organization_id": place.organization_id, "remote_url": spelt}

    response = await client.post("/v1/commands/repository.add", json=body)

    check_problem(response, 409, "already_exists")


async def test_a_large_prompt_passes_and_is_the_sessions_first_message(
    client: httpx.AsyncClient, place: Acme
) -> None:
    body = {"repository_id": place.repository_id, "prompt": "x" * 262_144}

    response = await client.post("/v1/commands/task.create", json=body)

    assert response.status_code == 202


@pytest.mark.parametrize(
    "command_id", ["x", "0189d6a0", key("k")[:-1], "{" + key("k") + "}", "1" * 9]
)
async def test_a_key_that_is_no_uuid_is_malformed(
    client: httpx.AsyncClient, command_id: str
) -> None:
    response = await client.post(CREATE, json=NAME, headers={"Idempotency-Key": command_id})

    check_problem(response, 400, "malformed")


async def test_a_command_nobody_knows_is_not_found(client: httpx.AsyncClient) -> None:
    check_problem(await client.post("/v1/commands/task.explode", json={}), 404, "not_found")


async def test_a_body_over_the_limit_is_too_large(client: httpx.AsyncClient) -> None:
    body = b'{"name":"' + b"a" * BODY_LIMIT + b'"}'

    check_problem(await client.post(CREATE, content=body, headers=JSON), 413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_another_media_type_is_not_understood(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post(CREATE, content=b'{"name":"a"}', headers=headers)

    check_problem(response, 415, "unsupported_media_type")


async def test_json_is_understood_with_its_charset_and_without_a_media_type(
    client: httpx.AsyncClient,
) -> None:
    charset = {"content-type": "application/json; charset=utf-8"}

    first = await client.post(CREATE, content=b'{"name":"a"}', headers=charset)
    second = await client.post(CREATE, content=b'{"name":"a"}')

    assert (first.status_code, second.status_code) == (202, 202)


async def test_who_is_not_known_may_order_nothing(edge: Edge) -> None:
    for token in (None, "wrong", "fdy_owner_wrong", "fdy_>_x"):
        async with edge.client(token) as client:
            check_problem(await client.post(CREATE, json=NAME), 401, "unauthenticated")
            batch = await client.post(
                "/v1/commands", content=b"", headers={"content-type": "application/x-ndjson"}
            )
            check_problem(batch, 401, "unauthenticated")


async def test_a_version_that_does_not_match_is_told_so(
    client: httpx.AsyncClient, node: Node, place: Acme
) -> None:
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"], "title": "One"}
    await node.order(place.owner, "task.rename", **task | {"title": "Zero"})

    response = await client.post(
        "/v1/commands/task.rename", json=task, headers={"If-Match": f'"abc.{made.position}"'}
    )

    check_problem(response, 412, "version_mismatch")


async def test_a_key_used_again_for_something_else_is_told_so(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": key("k")}
    await client.post(CREATE, json=NAME, headers=headers)

    response = await client.post(CREATE, json={"name": "Other"}, headers=headers)

    check_problem(response, 422, "key_reused")


async def test_a_draining_node_takes_no_order(edge: Edge, client: httpx.AsyncClient) -> None:
    edge.gate.draining = True

    response = await client.post(CREATE, json=NAME)

    check_problem(response, 503, "draining")
    assert response.headers["retry-after"] == "1"


def test_every_command_of_the_catalog_has_a_schema() -> None:
    for command in CATALOG.values():
        assert msgspec.json.schema(command)


@pytest.mark.parametrize("command", CATALOG)
async def test_every_command_survives_an_empty_body(
    client: httpx.AsyncClient, node: Node, command: str
) -> None:
    response = await client.post(f"/v1/commands/{command}", json={})

    assert response.status_code == (202 if command == "token.create" else 400)


# --- Many commands ---


async def batch(
    client: httpx.AsyncClient, *lines: object, command_id: str = key("batch")
) -> list[dict[str, object]]:
    body = b"\n".join(
        line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines
    )
    response = await client.post(
        "/v1/commands",
        content=body,
        headers={"content-type": "application/x-ndjson", "Idempotency-Key": command_id},
    )
    assert response.status_code == 200
    return [msgspec.json.decode(line) for line in response.content.splitlines()]


async def test_lines_run_one_after_another_and_a_bad_one_stops_nothing(
    client: httpx.AsyncClient,
) -> None:
    one = {
        "name": "organization.create",
        "data": {"name": "Acme", "organization_id": "org_batch"},
    }
    two = {"name": "organization.update", "data": {"organization_id": "org_batch", "name": "New"}}

    answers = await batch(
        client,
        one,
        b"",
        b"{nonsense",
        {"name": "no.such", "data": {}},
        {"name": "organization.create", "data": {"name": "x" * BODY_LIMIT}},
        {"name": "organization.create", "command_id": "x", "data": {"name": "x"}},
        {"name": "organization.create", "data": {"name": "x", "colour": "red"}},
        {"name": "organization.create", "data": [[[[]]]]},
        {"name": "organization.create", "more": 1},
        two,
    )

    assert [(answer["line"], answer["status"]) for answer in answers] == [
        (1, 202),
        (3, 400),
        (4, 404),
        (5, 413),
        (6, 400),
        (7, 400),
        (8, 400),
        (9, 400),
        (10, 202),
    ]
    assert answers[-1]["events"] == ["organization_updated"]


async def test_a_batch_that_comes_again_gives_the_same_answers(
    client: httpx.AsyncClient, node: Node
) -> None:
    lines = [{"name": "organization.create", "data": {"name": f"Org {n}"}} for n in range(3)]
    first = await batch(client, *lines)
    head = await node.store.head()

    again = await batch(client, *lines)
    other = await batch(client, lines[0], command_id=key("other"))

    assert again == first
    assert await node.store.head() == head + 1
    assert other[0]["ids"] != first[0]["ids"]


async def test_a_batch_over_the_limit_is_too_large(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/commands",
        content=b" " * (BATCH_LIMIT + 1),
        headers={"content-type": "application/x-ndjson"},
    )

    check_problem(response, 413, "too_large")


async def test_a_batch_is_not_json(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/commands", json={})

    check_problem(response, 415, "unsupported_media_type")


# --- Signing in ---


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(
    edge: Edge,
) -> None:
    async with edge.client(None) as client:
        response = await client.post("/v1/login", json={"token": OWNER_TOKEN})
        made = await client.post(CREATE, json=NAME)
        out = await client.post("/v1/logout")
        after = await client.post(CREATE, json=NAME)

    cookie = response.headers["set-cookie"]
    assert response.json() == {"user": {"id": OWNER, "name": "Owner"}}
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert (made.status_code, out.status_code, after.status_code) == (202, 204, 401)


async def test_over_tls_the_cookie_is_for_tls_only(edge: Edge) -> None:
    async with edge.client(None) as client:
        response = await client.post("https://foundry/v1/login", json={"token": OWNER_TOKEN})

    assert "Secure" in response.headers["set-cookie"]


async def test_a_code_signs_in_once(edge: Edge) -> None:
    code = edge.codes.issue(OWNER)
    async with edge.client(None) as client:
        first = await client.post("/v1/login", json={"code": code})
        second = await client.post("/v1/login", json={"code": code})

    assert first.status_code == 200
    check_problem(second, 401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"token": "a", "code": "b"}, 400),
        ({"token": 7}, 400),
        ({"token": "wrong"}, 401),
        ({"token": ""}, 401),
        ({"token": "x" * 100_000}, 401),
        ({"code": "never"}, 401),
        ({"password": "x"}, 400),
    ],
)
async def test_bad_credentials_open_nothing(
    edge: Edge, body: dict[str, object], status: int
) -> None:
    async with edge.client(None) as client:
        response = await client.post("/v1/login", json=body)

    assert response.status_code == status
    assert "set-cookie" not in response.headers


async def test_signing_out_twice_is_fine(edge: Edge) -> None:
    async with edge.client(None) as client:
        assert (await client.post("/v1/logout")).status_code == 204


async def test_another_sites_page_may_not_write_with_the_cookie(edge: Edge) -> None:
    async with edge.client(None) as client:
        await client.post("/v1/login", json={"token": OWNER_TOKEN})
        foreign = {"origin": "https://evil.example"}
        own = {"origin": "http://foundry"}

        refused = await client.post(CREATE, json=NAME, headers=foreign)
        allowed = await client.post(CREATE, json=NAME, headers=own)

    check_problem(refused, 403, "forbidden")
    assert allowed.status_code == 202
