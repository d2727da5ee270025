"""Many commands in one request."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from commands.bodies import BATCH_LIMIT, BATCH_LINES, BODY_LIMIT, batch_lines
from commands.http import BATCHES_AT_ONCE
from runtime.problems import TooLarge
from tests.commands.edge import Edge, check_problem
from tests.commands.node import Node, key

NDJSON = {"content-type": "application/x-ndjson"}


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


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
async def test_what_ends_a_line_does_not_count_towards_its_limit(
    client: httpx.AsyncClient, end: bytes
) -> None:
    line = b'{"name":"organization.create","data":{"name":"Acme"}}'.ljust(BODY_LIMIT)

    (answer,) = await batch(client, line + end)

    assert answer["status"] == 202


async def test_what_lacks_in_the_data_is_not_said_to_lack_beside_it(
    client: httpx.AsyncClient,
) -> None:
    (answer,) = await batch(client, {"name": "organization.create", "data": {}})

    assert str(answer["detail"]).startswith("In data: ")
    assert answer["errors"] == [
        {"pointer": "/data/name", "detail": "Object missing required field `name`"}
    ]


@pytest.mark.parametrize("command_id", ["x", "", 7])
async def test_a_lines_id_that_is_no_uuid_is_pointed_at(
    client: httpx.AsyncClient, command_id: object
) -> None:
    line = {"name": "organization.create", "command_id": command_id, "data": {"name": "Acme"}}

    (answer,) = await batch(client, line)

    (place,) = msgspec.convert(answer["errors"], list[dict[str, str]])
    assert (answer["status"], place["pointer"]) == (400, "/command_id")
    assert "/command_id" in str(answer["detail"])


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


async def test_a_batch_of_too_many_commands_is_refused_as_a_whole(
    client: httpx.AsyncClient, node: Node
) -> None:
    head = await node.store.head()

    response = await client.post(
        "/v1/commands",
        content=b"xx\n" * (BATCH_LIMIT // 3),
        headers={"content-type": "application/x-ndjson"},
    )

    problem = check_problem(response, 413, "too_large")
    assert "another batch" in str(problem["detail"])
    assert await node.store.head() == head


def test_lines_are_found_between_blank_ones() -> None:
    body = b'\n \r\n {"a": 1} \n\n\t\n\xa0\n{"b": 2}\r\n{"c": 3}'

    found = [(number, body[place]) for number, place in batch_lines(body)]

    assert found == [
        (number, line.removesuffix(b"\r"))
        for number, line in enumerate(body.split(b"\n"), 1)
        if line.strip()
    ]
    assert batch_lines(b"") == batch_lines(b"\n\n") == []


def test_many_lines_weigh_little_and_blank_ones_nothing() -> None:
    lines = [(number + 1, slice(3 * number, 3 * number + 2)) for number in range(BATCH_LINES)]
    assert batch_lines(b"xx\n" * BATCH_LINES + b"\n" * BATCH_LIMIT) == lines

    tracemalloc.start()
    with pytest.raises(TooLarge):
        batch_lines(b"xx\n" * (BATCH_LIMIT // 3))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < BATCH_LIMIT + 30_000_000


async def test_others_have_their_turn_between_the_lines_of_a_batch(
    client: httpx.AsyncClient,
) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    answers = await batch(client, *[b"xx"] * 500)
    waiting.cancel()

    assert {answer["status"] for answer in answers} == {400}
    assert turns >= 500


async def test_a_batch_is_not_json(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/commands", json={})

    check_problem(response, 415, "unsupported_media_type")


async def test_a_condition_for_all_lines_is_not_passed_over(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/commands",
        content=b'{"name": "organization.create", "data": {"name": "Acme"}}',
        headers={"content-type": "application/x-ndjson", "If-Match": '"1"'},
    )

    check_problem(answer, 400, "malformed")


async def test_batches_that_arrive_slowly_take_no_more_than_their_persons_share(edge: Edge) -> None:
    arrived = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        await arrived.wait()
        yield b""

    async with edge.client() as owner, edge.client(None) as other:
        made = await owner.post("/v1/commands/user.create", json={"name": "Other"})
        token = await owner.post(
            "/v1/commands/token.create", json={"user_id": made.json()["ids"]["user_id"]}
        )
        sent = [
            asyncio.create_task(owner.post("/v1/commands", content=slowly(), headers=NDJSON))
            for _ in range(BATCHES_AT_ONCE)
        ]
        async with asyncio.timeout(15):
            ended = asyncio.as_completed(sent)
            refused = [await next(ended) for _ in range(BATCHES_AT_ONCE // 2)]
        bearer = {"Authorization": f"Bearer {token.json()['secret']}"}
        others = await other.post("/v1/commands", content=b"", headers={**NDJSON, **bearer})
        arrived.set()
        taken = [await one for one in ended]

    assert {one.status_code for one in refused} == {429}
    assert others.status_code == 200
    assert {one.status_code for one in taken} == {200}
