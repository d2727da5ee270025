"""Whatever is sent gets a problem that says what to do, never a 500, and leaves nothing in the log."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.system.bad_bodies import FIELDS, TEXTS
from tests.system.client import Client, new_key, problem
from tests.system.people import House

PairHouse = tuple[House, Client]


@pytest.fixture
async def nothing_stored(pair_house: PairHouse) -> AsyncIterator[None]:
    """Whatever the test sends, not one commit may come of it."""
    house, _ = pair_house

    async def rename() -> int:
        fields = {"organization_id": house.organization_id, "name": new_key()}
        return (await house.owner.command("organization.update", **fields)).position

    before = await rename()
    yield
    assert await rename() == before + 1


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("what", TEXTS)
async def test_a_body_that_is_no_command_is_malformed(pair_house: PairHouse, what: str) -> None:
    house, _ = pair_house

    answer = await house.owner.http.post(
        "/v1/commands/task.create",
        content=TEXTS[what],
        headers={"Content-Type": "application/json"},
    )

    assert problem(answer)["code"] == "malformed"


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("what", FIELDS)
async def test_a_field_that_cannot_be_is_malformed(pair_house: PairHouse, what: str) -> None:
    house, _ = pair_house
    name, wrong = FIELDS[what]

    answer = await house.owner.submit(name, **{**_right(house, name), **wrong})

    refused = problem(answer)
    assert (refused["status"], refused["code"]) == (400, "malformed")
    assert all(one["detail"] for one in refused["errors"])


async def test_a_field_of_the_wrong_type_is_pointed_at(pair_house: PairHouse) -> None:
    house, _ = pair_house

    refused = await house.owner.refused("organization.create", name=["x"])

    assert refused["errors"][0]["pointer"] == "/name"


async def test_a_topic_of_a_stream_is_pointed_at_by_its_map(pair_house: PairHouse) -> None:
    house, _ = pair_house

    refused = problem(await house.owner.http.post("/v1/stream", json={"topics": {"app": 7}}))

    assert refused["errors"][0]["pointer"] == "/topics"


async def test_an_id_may_have_63_characters(pair_house: PairHouse) -> None:
    house, _ = pair_house
    longest = "org_" + house.organization_id.removeprefix("org_").ljust(59, "x")

    made = await house.owner.command("organization.create", name="Long", organization_id=longest)

    assert made.ids["organization_id"] == longest
    view = await house.owner.view(f"workspace/{longest}", at_least=made.position)
    assert view["data"]["id"] == longest


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    "identity",
    ["task_*", "task_>", "task_a.b", "$SYS", "task_a\r\nX: y", "../x", "task_ ", "é", "*"],
)
async def test_an_id_that_cannot_be_names_nothing(pair_house: PairHouse, identity: str) -> None:
    house, _ = pair_house

    organization_id, user_id = identity.replace("task", "org"), identity.replace("task", "usr")
    submit = house.owner.submit

    answers = [
        await submit("task.rename", task_id=identity, title="x"),
        await submit("task.select", task_id=identity),
        await submit("organization.update", organization_id=organization_id, name="x"),
        await submit("organization.select", organization_id=organization_id),
        await submit("token.create", user_id=user_id),
        await house.owner.http.get("/v1/views/task/" + _quoted(identity)),
        await house.owner.http.get("/v1/history/" + _quoted(identity)),
    ]

    assert {problem(one)["status"] for one in answers} <= {400, 404}


async def test_commands_and_addresses_nobody_knows_are_not_found(pair_house: PairHouse) -> None:
    house, _ = pair_house
    for answer in (
        await house.owner.submit("task.fly"),
        await house.owner.submit("x" * 5_000),
        await house.owner.submit("task.create%00"),
        await house.owner.submit("%2e%2e/healthz"),
        await house.owner.submit("task.create/"),
        await house.owner.submit(""),
        await house.owner.get("/v1/nothing"),
        await house.owner.get("/v1/views/"),
        await house.owner.get("/v1/views/nonsense/x"),
        await house.owner.get("/v1/views/workspace"),
    ):
        assert problem(answer)["status"] == 404, answer.request.url


async def test_methods_an_address_does_not_take_are_refused(pair_house: PairHouse) -> None:
    house, _ = pair_house
    for method, path in (
        ("GET", "/v1/commands/task.create"),
        ("DELETE", "/v1/views/app"),
        ("PUT", "/v1/stream"),
        ("POST", "/healthz"),
    ):
        answer = await house.owner.http.request(method, path)
        assert (problem(answer)["code"], answer.status_code) == ("method_not_allowed", 405), path
        assert "allow" in answer.headers


async def test_other_media_types_are_not_understood(pair_house: PairHouse) -> None:
    house, _ = pair_house
    for path, media_type in (
        ("/v1/commands/organization.create", "text/plain"),
        ("/v1/commands/organization.create", "application/x-www-form-urlencoded"),
        ("/v1/commands/organization.create", "multipart/form-data; boundary=x"),
        ("/v1/commands", "application/json"),
        ("/v1/stream", "text/plain"),
        ("/v1/login", "text/plain"),
    ):
        answer = await house.owner.http.post(
            path, content=b'{"name":"x"}', headers={"Content-Type": media_type}
        )
        assert problem(answer)["code"] == "unsupported_media_type", path
    packed = await house.owner.http.post(
        "/v1/commands/organization.create",
        content=b"\x1f\x8b",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert packed.status_code == 415


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("key", ["x", "", "1", "0" * 36, "../../etc", "{0}", "a" * 5_000, "*"])
async def test_a_key_that_is_no_uuid_is_malformed(pair_house: PairHouse, key: str) -> None:
    house, _ = pair_house

    refused = await house.owner.refused("organization.create", key=key, name="x")

    assert (refused["status"], refused["code"]) == (400, "malformed")


@pytest.mark.parametrize("tag", ["x", '"x"', '"-1"', '"1', "*", 'W/"1"', '"' + "9" * 400 + '"', ""])
async def test_a_version_that_is_none_changes_nothing(pair_house: PairHouse, tag: str) -> None:
    house, _ = pair_house
    task_id = (await house.create_task()).ids["task_id"]

    answer = await house.owner.submit("task.rename", if_match=tag, task_id=task_id, title="x")

    # `*` asks for nothing but that it is there.
    assert answer.status_code in ((202,) if tag == "*" else (400, 412))


@pytest.mark.parametrize(
    "query",
    [
        "at_least=x",
        "at_least=-1",
        "at_least=1.5",
        "at_least=",
        "at_least=" + "9" * 400,
        "at_least=1%0d%0aX",
        "as_of=x",
        "before=x",
        "limit=0",
        "limit=-5",
        "limit=x",
        "before=1&limit=1",
    ],
)
async def test_a_question_that_cannot_be_is_malformed(pair_house: PairHouse, query: str) -> None:
    house, _ = pair_house

    answer = await house.owner.http.get(f"/v1/views/{house.workspace}?{query}")

    assert problem(answer)["code"] == "malformed"


@pytest.mark.parametrize(
    "query", ["status=flying", "after=org_1", "limit=x", "q=%00", "q=" + "x" * 201, "after=%0a"]
)
async def test_a_search_that_cannot_be_is_malformed(pair_house: PairHouse, query: str) -> None:
    house, _ = pair_house

    answer = await house.owner.http.get(f"/v1/tasks?{query}")

    assert problem(answer)["code"] == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"topics":{}}',
        b'{"topics":[]}',
        b'{"topics":{"app":7}}',
        b'{"topics":{"app":null},"more":1}',
        b'{"topics":{"app":null}',
        b'{"topics":' + b'{"a":' * 50_000,
        json.dumps({"topics": {f"task/task_{n}": None for n in range(5_000)}}).encode()[:60_000],
    ],
)
async def test_a_stream_that_cannot_be_asked_for_is_malformed(
    pair_house: PairHouse, body: bytes
) -> None:
    house, _ = pair_house

    answer = await house.owner.http.post(
        "/v1/stream", content=body, headers={"Content-Type": "application/json"}
    )

    assert problem(answer)["status"] in (400, 413)


async def test_signs_that_mean_something_elsewhere_mean_nothing_here(
    pair_house: PairHouse,
) -> None:
    house, _ = pair_house
    title = "'; DROP TABLE tasks; -- \" \\ < & \u2028 $(id) {{7*7}} %s \U0001f600".replace(
        "\u2028", ""
    )

    created = await house.create_task("line\u2028one\u2029\u0085 \U0001f600\ud7ff", title=title)

    async with house.owner.stream(f"task/{created.ids['task_id']}") as stream:
        await stream.until_ready()
    data = stream.held[f"task/{created.ids['task_id']}"].data
    assert data["title"] == title
    assert data["prompt"] == "line\u2028one\u2029\u0085 \U0001f600\ud7ff"


def _right(house: House, name: str) -> dict[str, Any]:
    """A body that would be taken."""
    return {
        "task.create": {"repository_id": house.repository_id, "prompt": "true"},
        "repository.add": {
            "organization_id": house.organization_id,
            "remote_url": "https://git.example/a/b",
        },
        "organization.create": {"name": "x"},
        "organization.add_member": {
            "organization_id": house.organization_id,
            "user_id": "usr_x",
            "role": "member",
        },
        "token.create": {},
    }[name]


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
