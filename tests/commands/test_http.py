"""The HTTP edge: what is asked wrongly gets a problem, never a 500 and never a commit."""

import httpx
import msgspec
import pytest

from commands.catalog import CATALOG
from tests.commands.edge import CREATE, NAME, Edge, check_problem
from tests.commands.node import Acme, Node, key, task_of


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


async def test_an_if_match_that_names_nothing_matches_nothing(
    client: httpx.AsyncClient, place: Acme
) -> None:
    body = {"organization_id": place.organization_id, "name": "Other"}

    for tags in ("", ","):
        response = await client.post(
            "/v1/commands/organization.update", json=body, headers={"If-Match": tags}
        )
        check_problem(response, 412, "version_mismatch")


async def test_what_is_not_there_is_not_said_to_have_changed(client: httpx.AsyncClient) -> None:
    response = await client.post(CREATE, json=NAME, headers={"If-Match": "*"})

    document = check_problem(response, 412, "version_mismatch")
    assert "position 0" not in str(document["detail"])


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


async def test_who_is_not_known_may_give_no_command(edge: Edge) -> None:
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
    await node.submit(place.owner, "task.rename", **task | {"title": "Zero"})

    response = await client.post(
        "/v1/commands/task.rename", json=task, headers={"If-Match": f'"abc.{made.position}"'}
    )

    check_problem(response, 412, "version_mismatch")


async def test_a_key_used_again_for_something_else_is_told_so(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": key("k")}
    await client.post(CREATE, json=NAME, headers=headers)

    response = await client.post(CREATE, json={"name": "Other"}, headers=headers)

    check_problem(response, 422, "key_reused")


async def test_a_draining_node_takes_no_command(edge: Edge, client: httpx.AsyncClient) -> None:
    edge.gate.draining = True

    response = await client.post(CREATE, json=NAME)

    check_problem(response, 503, "draining")
    assert response.headers["retry-after"] == "1"


def test_every_command_of_the_catalog_has_a_schema() -> None:
    for command in CATALOG.values():
        assert msgspec.json.schema(command)
