"""The client before a real server: live views, restarts, sign-in, and fallbacks to reads."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from foundry_client import Foundry, Problem
from tests.clients.chaos import before
from tests.clients.following import Following, state_of
from tests.system.conftest import StartNode
from tests.system.node_process import NodeProcess


def is_named(name: str) -> Callable[[Any], bool]:
    return lambda data: bool(data["name"] == name)


def organizations(data: Any) -> set[str]:
    return {one["id"] for one in data["organizations"]}


async def test_a_command_and_the_change_it_caused_are_told_together(system: NodeProcess) -> None:
    async with Foundry(system.address, token=system.token) as foundry:
        made = await foundry.command("organization.create", {"name": "Told"})
        topic = f"workspace/{made.ids['organization_id']}"
        following = Following(foundry, topic)
        await following.until(lambda data: data["name"] == "Told")

        renamed = await foundry.command(
            "organization.update",
            {"organization_id": made.ids["organization_id"], "name": "Renamed"},
        )
        await following.until(lambda data: data["name"] == "Renamed")

    _, why = following.told[-1]
    assert following.causes == ["bootstrap", "event"]
    assert (why.command_id, why.position) == (renamed.command_id, renamed.position)
    assert why.event == "organization_updated"
    assert [entry.cause for entry in foundry.ledger] == ["bootstrap", "event"]
    assert foundry.counters["connections_created"] == 1


async def test_topics_of_one_moment_share_one_stream(system: NodeProcess) -> None:
    async with before(system.address) as proxy:
        async with Foundry(proxy.address, token=system.token) as foundry:
            made = await foundry.command("organization.create", {"name": "One stream"})
            topics = ["app", f"workspace/{made.ids['organization_id']}", "task/task_none"]
            followed = [Following(foundry, topic) for topic in topics]
            await followed[1].until(lambda data: data["name"] == "One stream")
            late = [Following(foundry, "app"), Following(foundry, "transcript/ses_none")]
            await late[0].until(lambda data: data["user"])
            await foundry.at_least(made.position)
            await state_of(foundry, "live")

        assert followed[2].subscription.state == "closed"
        assert [view for view, _ in followed[2].told] == [None]
        assert followed[2].causes == ["forbidden"]
        assert late[0].causes == ["held"]
        assert proxy.proxy.done.streams == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_comes_back_is_found_again_and_nothing_is_missing(
    start_node: StartNode, how: str
) -> None:
    settings = {"FOUNDRY_LISTEN": f"127.0.0.1:{free_port()}", "FOUNDRY_DRAIN_SECONDS": "1"}
    node = await asyncio.to_thread(start_node, **settings)
    async with Foundry(node.address, token=node.token) as foundry:
        app = Following(foundry, "app")
        await app.until(lambda data: data["user"])
        before_it = await foundry.command("organization.create", {"name": "Before"})
        await foundry.at_least(before_it.position, "app")

        await asyncio.to_thread(node.stop if how == "stop" else node.kill)
        await state_of(foundry, "reconnecting")
        held = app.subscription.view
        assert app.subscription.state == "stale"
        starting = asyncio.create_task(asyncio.to_thread(node.start))
        # Sent while nobody is there: it is sent again until somebody is.
        after_it = await foundry.command("organization.create", {"name": "After"})
        await starting
        view = await app.until(
            lambda data: organizations(data) >= {after_it.ids["organization_id"]}
        )

    assert held is not None
    assert before_it.ids["organization_id"] in organizations(held.data)
    assert organizations(view.data) >= organizations(held.data)
    assert foundry.counters["gaps"] == 0
    assert not {"gap", "reset"} & set(app.causes)


async def test_a_stranger_is_told_to_sign_in_and_asks_no_more(system: NodeProcess) -> None:
    async with before(system.address) as proxy:
        async with Foundry(proxy.address, token="not this one") as foundry:
            app = Following(foundry, "app")
            await state_of(foundry, "needs_auth")
            asked = proxy.proxy.done.requests
            foundry.refresh("app")
            with pytest.raises(Problem) as refusal:
                await foundry.command("organization.create", {"name": "No"})

            foundry.signed_in(system.token)
            await app.until(lambda data: data["user"])
            await state_of(foundry, "live")

        assert refusal.value.status == 401
        assert asked == 1
        assert proxy.proxy.done.requests == 3


async def test_a_revoked_token_stops_the_stream_and_leaves_what_is_held(
    system: NodeProcess,
) -> None:
    async with Foundry(system.address, token=system.token) as owner:
        token = await owner.command("token.create", {})
        async with Foundry(system.address, token=token.secret) as foundry:
            app = Following(foundry, "app")
            await app.until(lambda data: data["user"])

            await owner.command("token.revoke", {"token_id": token.ids["token_id"]})
            await state_of(foundry, "needs_auth")

            assert app.subscription.state == "stale"
            assert app.subscription.view is not None
            foundry.signed_in(system.token)
            await state_of(foundry, "live")
    assert None not in [view for view, _ in app.told]


async def test_a_view_that_is_not_streamed_is_read_at_once_and_after_own_commands(
    system: NodeProcess,
) -> None:
    async with before(system.address) as proxy:
        async with Foundry(
            proxy.address, token=system.token, live={"app": "bootstrap-only"}
        ) as foundry:
            app = Following(foundry, "app")
            await app.until(lambda data: data["user"])
            made = await foundry.command("organization.create", {"name": "Read"})
            await app.until(lambda data: made.ids["organization_id"] in organizations(data))

            assert (app.subscription.state, foundry.state) == ("frozen", "idle")
            async with Foundry(system.address, token=system.token) as other:
                elsewhere = await other.command("organization.create", {"name": "Else"})
            await foundry.at_least(elsewhere.position)
            assert app.subscription.view is not None
            assert elsewhere.ids["organization_id"] in organizations(app.subscription.view.data)

        assert proxy.proxy.done.streams == 0
        assert set(app.causes) == {"bootstrap", "command", "at_least"}


async def test_watching_gives_the_newest_view_until_the_end(system: NodeProcess) -> None:
    foundry = Foundry(system.address, token=system.token)
    seen = []
    async for view, why in foundry.watch("app"):
        assert view is not None
        seen.append(why.cause)
        if len(seen) == 1:
            made = await foundry.command("organization.create", {"name": "Watched"})
        elif made.ids["organization_id"] in organizations(view.data):
            await foundry.close()

    assert seen[0] == "bootstrap"
    assert set(seen[1:]) == {"event"}
    async for view, why in (gone := Foundry(system.address, token=system.token)).watch("task/none"):
        assert (view, why.cause) == (None, "forbidden")
    await gone.close()


async def test_a_page_of_somebody_else_is_no_stream(system: NodeProcess) -> None:
    async with (
        httpx.AsyncClient(transport=InsertsPages(2)) as http,
        Foundry(system.address, token=system.token, http=http) as foundry,
    ):
        lines: list[dict[str, Any]] = []
        foundry.on("log", lines.append)
        app = Following(foundry, "app")
        await app.until(lambda data: data["user"])

    assert [line["code"] for line in lines if line["event"] == "stream lost"] == [
        "not_a_stream",
        "not_a_stream",
    ]
    assert foundry.counters["reconnect_attempts"] == 2


async def test_a_view_that_was_kept_is_shown_at_once_and_gone_on_from(
    system: NodeProcess,
) -> None:
    async with Foundry(system.address, token=system.token) as first:
        made = await first.command("organization.create", {"name": "Kept"})
        topic = f"workspace/{made.ids['organization_id']}"
        kept = await Following(first, topic).until(is_named("Kept"))
    async with Foundry(system.address, token=system.token) as between:
        rename = {"organization_id": made.ids["organization_id"], "name": "Later"}
        await between.command("organization.update", rename)

    async with Foundry(system.address, token=system.token) as second:
        following = Following(second, topic, view=kept)
        await following.until(is_named("Later"))

    assert following.causes == ["held", "resume"]


async def test_a_listener_that_fails_disturbs_nobody(
    system: NodeProcess, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(view: object, why: object) -> None:
        raise ValueError("a mistake of the listener's")

    async with Foundry(system.address, token=system.token) as foundry:
        foundry.subscribe("app", fails)
        app = Following(foundry, "app")
        await app.until(lambda data: data["user"])
        await foundry.at_least(
            (await foundry.command("organization.create", {"name": "On"})).position
        )

    assert "a listener failed" in caplog.text
    assert app.causes == ["bootstrap", "event"]


async def test_every_refresh_is_a_line_with_its_fields(
    system: NodeProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "foundry_client")
    async with Foundry(system.address, token=system.token) as foundry:
        await Following(foundry, "app").until(lambda data: data["user"])

    fields = [vars(record)["foundry"] for record in caplog.records if record.msg == "refresh"]
    assert [(one["topic"], one["cause"]) for one in fields] == [("app", "bootstrap")]
    states = [
        vars(record)["foundry"]["state"] for record in caplog.records if record.msg == "state"
    ]
    assert states[0] == "connecting"
    assert states[-1] == "closed"


async def test_what_is_followed_through_chaos_is_what_the_server_shows(
    system: NodeProcess,
) -> None:
    async with before(
        system.address, plan="503,tear@900,duplicate@500,stall@1500,reset@1200"
    ) as proxy:
        async with Foundry(proxy.address, token=system.token) as foundry:
            made = await foundry.command("organization.create", {"name": "Chaos 0"})
            organization_id = made.ids["organization_id"]
            workspace = Following(foundry, f"workspace/{organization_id}")
            for number in range(1, 30):
                fields = {"organization_id": organization_id, "name": f"Chaos ünd {number}"}
                last = await foundry.command("organization.update", fields)
                if number % 3 == 0:
                    await workspace.until(is_named(fields["name"]))
            await foundry.at_least(last.position)
            held = workspace.subscription.view

        async with httpx.AsyncClient() as http:
            shown = await http.get(
                f"{system.address}/v1/views/workspace/{organization_id}",
                headers={"Authorization": f"Bearer {system.token}"},
            )
    assert held is not None
    assert shown.json() == {
        "topic": held.topic,
        "epoch": held.epoch,
        "version": held.version,
        "data": held.data,
    }
    assert proxy.proxy.done.faults.total() > 2


class InsertsPages(httpx.AsyncHTTPTransport):
    """A proxy that answers streams with pages of its own at first."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._left and request.url.path == "/v1/stream":
            self._left -= 1
            return httpx.Response(200, html="<h1>Sign in to this network</h1>", request=request)
        return await super().handle_async_request(request)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
