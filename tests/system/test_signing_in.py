"""Signing in and out, as a browser does."""

import time
from pathlib import Path

import httpx

from tests.system.client import problem
from tests.system.conftest import Enter, StartNode
from tests.system.node_process import NodeProcess

SESSION = "foundry_session"

WITH_ITS_OWN_CLOCK = """
import sys, time
from pathlib import Path
from foundry.cli import main

right, ahead = time.time_ns, Path(sys.argv.pop(1))
time.time_ns = lambda: right() + int(ahead.read_text()) * 1_000_000_000
main()
"""
"""`foundry` beside a file with the seconds by which its clock is ahead."""


def browser(node: NodeProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=node.address, trust_env=False)


async def test_a_token_signs_a_browser_in_and_out(system: NodeProcess) -> None:
    async with browser(system) as page:
        signed_in = await page.post("/v1/login", json={"token": system.token})
        app = await page.get("/v1/views/app")
        secret = page.cookies[SESSION]
        signed_out = await page.post("/v1/logout")
        after = await page.get("/v1/views/app")
        page.cookies.set(SESSION, secret)
        with_the_old_cookie = await page.get("/v1/views/app")

    flags = signed_in.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert "secure" not in flags
    assert secret not in signed_in.text
    assert (app.status_code, app.json()["data"]["user"]["id"]) == (200, "usr_owner")
    assert signed_out.is_success
    assert (after.status_code, with_the_old_cookie.status_code) == (401, 401)
    assert problem(after)["code"] == "unauthenticated"


async def test_behind_a_proxy_that_speaks_tls_the_cookie_is_for_tls_alone(
    system: NodeProcess,
) -> None:
    async with browser(system) as page:
        signed_in = await page.post(
            "/v1/login", json={"token": system.token}, headers={"X-Forwarded-Proto": "https"}
        )

    assert "secure" in signed_in.headers["set-cookie"].lower()


async def test_signing_out_ends_the_cookies_session_also_beside_a_token(
    system: NodeProcess,
) -> None:
    token = {"Authorization": f"Bearer {system.token}"}
    async with browser(system) as page:
        await page.post("/v1/login", json={"token": system.token})
        secret = page.cookies[SESSION]
        signed_out = await page.post("/v1/logout", headers=token)
        with_the_token = await page.get("/v1/views/app", headers=token)
        page.cookies.set(SESSION, secret)
        with_the_old_cookie = await page.get("/v1/views/app")

    assert signed_out.is_success
    assert (with_the_token.status_code, with_the_old_cookie.status_code) == (200, 401)


async def test_the_code_of_the_start_up_link_works_once(start_node: StartNode) -> None:
    node = start_node()
    assert node.token not in node.login_code

    async with browser(node) as page:
        first = await page.post("/v1/login", json={"code": node.login_code})
        app = await page.get("/v1/views/app")
    async with browser(node) as other_page:
        second = await other_page.post("/v1/login", json={"code": node.login_code})

    assert (first.status_code, app.status_code) == (200, 200)
    assert problem(second)["status"] == 401


async def test_a_code_lives_ten_minutes_whatever_becomes_of_the_clock(
    tmp_path: Path, enter: Enter
) -> None:
    clock = tmp_path / "ahead"
    clock.write_text("0")
    node = NodeProcess(tmp_path / "data", program=("-c", WITH_ITS_OWN_CLOCK, str(clock)))
    node.start()
    try:
        clock.write_text("10800")
        owner = await enter(node.address, node.token)
        made = await owner.command("organization.create", name="Ahead")
        async with browser(node) as page:
            signed_in = await page.post("/v1/login", json={"code": node.login_code})
        answer = await owner.get(f"/v1/history/{made.ids['organization_id']}")
    finally:
        node.end()

    assert signed_in.status_code == 200
    assert answer.json()["entries"][0]["at"] > (time.time() + 10_000) * 1000


async def test_a_cookie_survives_a_restart(start_node: StartNode) -> None:
    node = start_node()
    async with browser(node) as page:
        await page.post("/v1/login", json={"token": node.token})
        cookies = dict(page.cookies)

    node.kill()
    node.start()

    async with browser(node) as page:
        page.cookies.update(cookies)
        app = await page.get("/v1/views/app")
    assert app.status_code == 200


async def test_another_sites_page_may_not_write_with_the_cookie(system: NodeProcess) -> None:
    async with browser(system) as page:
        await page.post("/v1/login", json={"token": system.token})
        foreign, opaque, own = [
            await page.post(
                "/v1/commands/organization.create",
                json={"name": "Written"},
                headers={"Origin": origin},
            )
            for origin in ("https://evil.example", "null", system.address)
        ]
        form = await page.post(
            "/v1/commands/organization.create",
            content='{"name":"Evil"}',
            headers={"Origin": "https://evil.example", "Content-Type": "text/plain"},
        )

    assert (foreign.status_code, problem(foreign)["code"]) == (403, "forbidden")
    assert problem(opaque)["code"] == "forbidden"
    assert own.status_code == 202
    assert form.status_code in (403, 415)


async def test_another_sites_page_may_not_sign_a_browser_in(start_node: StartNode) -> None:
    node = start_node(FOUNDRY_ALLOWED_ORIGINS="http://front.example")
    for origin, status in (
        ("https://evil.example", 403),
        ("null", 403),
        (node.address, 200),
        ("http://front.example", 200),
    ):
        async with browser(node) as page:
            answer = await page.post(
                "/v1/login", json={"token": node.token}, headers={"Origin": origin}
            )
            assert (answer.status_code, SESSION in page.cookies) == (status, status == 200), origin


async def test_no_and_bad_identities_are_asked_to_sign_in(system: NodeProcess) -> None:
    async with browser(system) as page:
        for headers in (
            {},
            {"Authorization": "Bearer nobody"},
            {"Authorization": "Basic b3duZXI6"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer fdy_owner_" + "0" * 48},
            {"Authorization": "Bearer " + "x" * 5000},
            {"Cookie": f"{SESSION}=fds_owner_x"},
        ):
            for path in ("/v1/views/app", "/v1/stream?topic=app", "/v1/tasks"):
                answer = await page.get(path, headers=headers)
                assert problem(answer)["code"] == "unauthenticated", (headers, path)
                assert "www-authenticate" in answer.headers
            create = await page.post("/v1/commands/organization.create", json={}, headers=headers)
            assert create.status_code == 401


async def test_bad_logins_are_problems(system: NodeProcess) -> None:
    async with browser(system) as page:
        for body, status in (
            ({}, 400),
            ({"token": system.token, "code": "x"}, 400),
            ({"token": 1}, 400),
            ({"password": "x"}, 400),
            ({"token": "nobody"}, 401),
            ({"token": "\U0001f600" * 4096}, 401),
            ({"token": "x" * 100_000}, 413),
            ({"code": "nobody"}, 401),
        ):
            answer = await page.post("/v1/login", json=body)
            assert problem(answer)["status"] == status, body
            assert "set-cookie" not in answer.headers


async def test_pages_of_an_allowed_site_may_give_commands_and_ask_and_no_others(
    start_node: StartNode,
) -> None:
    node = start_node(FOUNDRY_ALLOWED_ORIGINS="http://front.example")
    asked_first = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
    }
    allowed = []
    async with browser(node) as page:
        await page.post("/v1/login", json={"token": node.token})
        for origin in ("http://front.example", "http://evil.example"):
            site = {"Origin": origin}
            create = "/v1/commands/organization.create"
            preflight = await page.options(create, headers={**site, **asked_first})
            created = await page.post(create, json={"name": "x"}, headers=site)
            view = await page.get("/v1/views/app", headers=site)
            allowed.append((preflight.is_success, created.status_code, view.status_code))
            for answer in (preflight, created, view):
                shared = answer.headers.get("access-control-allow-origin")
                assert shared == (origin if origin == "http://front.example" else None)
            if preflight.is_success:
                assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]

    assert allowed == [(True, 202, 200), (False, 403, 200)]
