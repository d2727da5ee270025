"""Signing a browser in and out."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from commands.credentials import OWNER
from commands.http import SIGN_INS_AT_ONCE
from events.user import AppSessionStarted
from tests.commands.edge import CREATE, NAME, Edge, check_problem
from tests.commands.node import OWNER_TOKEN


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
    assert "SameSite=Lax" in cookie
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
        ({"token": "\U0001f600" * 4096}, 401),
        ({"token": "x" * 100_000}, 413),
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


async def test_a_cookie_ends_with_the_token_it_was_made_with(edge: Edge) -> None:
    async with edge.client() as owner, edge.client(None) as browser, edge.client(None) as other:
        token = (await owner.post("/v1/commands/token.create", json={})).json()
        await browser.post("/v1/login", json={"token": token["secret"]})
        await other.post("/v1/login", json={"token": OWNER_TOKEN})
        before = await browser.post(CREATE, json=NAME)

        revoked = {"token_id": token["ids"]["token_id"]}
        await owner.post("/v1/commands/token.revoke", json=revoked)
        after = await browser.post(CREATE, json=NAME)
        others = await other.post(CREATE, json=NAME)

    assert (before.status_code, others.status_code) == (202, 202)
    check_problem(after, 401, "unauthenticated")


async def test_a_cookie_does_not_outlive_a_token_that_expires(edge: Edge) -> None:
    soon = edge.node.now() + 60 * 60 * 1000
    async with edge.client() as owner, edge.client(None) as browser:
        made = await owner.post("/v1/commands/token.create", json={"expires_at": soon})
        signed_in = await browser.post("/v1/login", json={"token": made.json()["secret"]})

    assert "; Max-Age=3600;" in signed_in.headers["set-cookie"]
    stored = await edge.node.store.at(await edge.node.store.head())
    assert stored is not None
    [started] = stored.commit.events
    assert isinstance(started, AppSessionStarted)
    assert started.expires_at == soon


async def test_the_secret_of_a_cookie_is_no_token(edge: Edge) -> None:
    async with edge.client(None) as browser, edge.client(None) as thief:
        await browser.post("/v1/login", json={"token": OWNER_TOKEN})
        secret = browser.cookies["foundry_session"]

        response = await thief.post("/v1/login", json={"token": secret})

    check_problem(response, 401, "unauthenticated")


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


async def test_what_a_browser_adds_for_a_proxy_opens_no_door_to_another_sites_page(
    edge: Edge,
) -> None:
    headers = {"origin": "https://evil.example", "authorization": "Basic dXNlcjpzZWNyZXQ="}
    async with edge.client(None) as client:
        await client.post("/v1/login", json={"token": OWNER_TOKEN})

        command = await client.post(CREATE, json=NAME, headers=headers)
        logout = await client.post("/v1/logout", headers=headers)

    check_problem(command, 403, "forbidden")
    check_problem(logout, 403, "forbidden")


@pytest.mark.parametrize("origin", ["http://[::1", "http://[x]", "null", "", "foundry", "//["])
async def test_an_origin_that_is_none_is_another_site(edge: Edge, origin: str) -> None:
    async with edge.client(None) as client:
        await client.post("/v1/login", json={"token": OWNER_TOKEN})

        refused = await client.post(CREATE, json=NAME, headers={"origin": origin})

    check_problem(refused, 403, "forbidden")


async def test_a_cookie_may_stand_in_a_line_of_its_own(edge: Edge) -> None:
    async with edge.client(None) as browser, edge.client(None) as client:
        await browser.post("/v1/login", json={"token": OWNER_TOKEN})
        session = f"foundry_session={browser.cookies['foundry_session']}"

        response = await client.post(
            CREATE, json=NAME, headers=[("cookie", "theme=dark"), ("cookie", session)]
        )

    assert response.status_code == 202


async def test_those_who_sign_in_slowly_are_in_the_way_of_nobody_else(edge: Edge) -> None:
    waited_for = 0
    all_waited_for = asyncio.Event()
    arrived = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal waited_for
        waited_for += 1
        if waited_for > SIGN_INS_AT_ONCE:
            all_waited_for.set()
        await arrived.wait()
        yield b"{}"

    async with edge.client(None) as strangers, edge.client() as owner:
        sent = [
            asyncio.create_task(strangers.post("/v1/login", content=slowly()))
            for _ in range(SIGN_INS_AT_ONCE + 1)
        ]
        async with asyncio.timeout(15):
            await all_waited_for.wait()
            created = await owner.post(CREATE, json=NAME)
            signed_in = await owner.post("/v1/login", json={"token": OWNER_TOKEN})
        arrived.set()
        statuses = {(await one).status_code for one in sent}

    assert (created.status_code, signed_in.status_code) == (202, 200)
    assert statuses == {400}
