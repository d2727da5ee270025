"""Every command, view and topic, for the signed out, the expired, the revoked, strangers, members, admins and owners."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.system.authorization import (
    ADMIN,
    ANYBODY,
    COMMANDS,
    INSTALLATION,
    MEMBER,
    OWNER,
    PATHS,
    VIEWS,
)
from tests.system.client import Client, problem
from tests.system.conftest import Enter
from tests.system.people import House, Person

LET_THROUGH = {202, 409, 422}
"""Done, or refused for the state of things: who asks was not the reason."""


@dataclass(frozen=True)
class Scene:
    house: House
    ids: dict[str, str]

    def body(self, name: str, spare_token_id: str = "") -> dict[str, Any]:
        _, named, others = COMMANDS[name]
        ids = {**self.ids, "spare_token_id": spare_token_id}
        return {field: ids[str(key)] for field, key in named.items()} | dict(others)


@pytest.fixture
async def scene(house: House, owner: Client, enter: Enter) -> Scene:
    """A task that was worked on, with a process, and a colleague whom commands are about."""
    created = await house.finished_task("echo hello > hello.txt")
    files = f"files/{created.ids['task_id']}"
    async with owner.stream(files) as stream:
        # Captured a moment after the turn is over.
        await stream.until_data(files, lambda view: bool(view["files"]))
    process = await owner.command("process.start", task_id=created.ids["task_id"], command="true")
    colleague = await Person.arrive(owner, enter, "Colleague")
    await house.join(colleague)
    ids = {
        **created.ids,
        **process.ids,
        "organization_id": house.organization_id,
        "repository_id": house.repository_id,
        "colleague_id": colleague.id,
    }
    return Scene(house, ids)


async def arrived(scene: Scene, enter: Enter, role: str | None) -> tuple[Client, str]:
    """Somebody new in this role (None: of no organization), and a token of theirs to lose."""
    person = await Person.arrive(scene.house.owner, enter, str(role))
    if role is not None:
        await scene.house.join(person, role)
    spare = await person.client.command("token.create")
    return person.client, spare.ids["token_id"]


async def test_the_table_has_every_command(owner: Client) -> None:
    described = (await owner.get("/v1/openapi.json")).json()["paths"]
    commands = {
        path.rpartition("/")[2] for path in described if path.startswith("/v1/commands/")
    } - {"{name}"}

    assert set(COMMANDS) == commands


async def test_without_a_good_credential_there_is_nothing(
    scene: Scene, owner: Client, enter: Enter
) -> None:
    revoked = await owner.command("token.create")
    await owner.command("token.revoke", token_id=revoked.ids["token_id"])
    expiring = await owner.command("token.create", expires_at=round(time.time() * 1000) + 200)
    bad = {
        "nobody": "",
        "revoked": revoked.secret or "",
        "expired": expiring.secret or "",
        "made up": "fdy_owner_" + "0" * 48,
    }
    for who, token in bad.items():
        client = await enter(owner.address, token)
        if not token:
            del client.http.headers["authorization"]
        while who == "expired" and (await client.get("/v1/views/app")).status_code == 200:
            await asyncio.sleep(0.02)
        asked: list[httpx.Response] = [
            *[await client.submit(name, **scene.body(name, "tok_none")) for name in COMMANDS],
            await client.get("/v1/views/app"),
            *[
                await client.get(f"/v1/views/{view}/{scene.ids[key]}")
                for view, key in VIEWS.items()
            ],
            *[await client.get(path.format(**scene.ids)) for path in PATHS],
            await client.get("/v1/stream?topic=app"),
            await client.http.post("/v1/stream", json={"topics": {"app": None}}),
            await client.http.post("/v1/commands", content=b"{}"),
        ]
        for answer in asked:
            assert problem(answer)["code"] == "unauthenticated", (who, answer.request.url)
            assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("role", [None, MEMBER, ADMIN, OWNER])
async def test_every_command_asks_for_its_role(
    scene: Scene, enter: Enter, role: str | None
) -> None:
    client, spare_token_id = await arrived(scene, enter, role)
    ranks = [None, ANYBODY, MEMBER, ADMIN, OWNER, INSTALLATION]
    for name, (least, _, _) in COMMANDS.items():
        answer = await client.submit(name, **scene.body(name, spare_token_id))
        if least == ANYBODY or (role and ranks.index(role) >= ranks.index(least)):
            assert answer.status_code in LET_THROUGH or name == "issue.resolve", (name, answer.text)
        else:
            # Who is no member is not even told that there is such a thing.
            hidden = role is None and name != "user.create" and least != INSTALLATION
            assert answer.status_code == (404 if hidden else 403), (name, answer.text)


@pytest.mark.parametrize("role", [None, MEMBER, ADMIN, OWNER])
async def test_every_view_and_topic_is_for_members_only(
    scene: Scene, enter: Enter, role: str | None
) -> None:
    client, _ = await arrived(scene, enter, role)
    topics = {f"{view}/{scene.ids[key]}" for view, key in VIEWS.items()}
    expected = 200 if role else 404

    for topic in topics:
        assert (await client.get(f"/v1/views/{topic}")).status_code == expected, topic
    for path in PATHS:
        assert (await client.get(path.format(**scene.ids))).status_code == expected, path
    async with client.stream("app", *topics) as stream:
        ready = await stream.until_ready()
        refused = {event.data["topic"] for event in stream.named("forbidden")}

    assert refused == (set() if role else topics)
    assert set(ready.data["topics"]) - {"app"} == (topics if role else set())
