"""Starting and stopping a node, as an operator sees it."""

import asyncio
import stat
from pathlib import Path

from tests.nats_process import NatsServer
from tests.system.client import Client, problem
from tests.system.conftest import OWNER_TOKEN, Enter, StartNode
from tests.system.node_process import NodeProcess


async def test_an_empty_node_is_ready_quickly_and_says_where_to_go(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node()

    assert node.seconds_to_ready < 10, f"{node.seconds_to_ready:.2f} s"
    client = await enter(node.address, node.token)
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (200, [])
    alive = (await client.get("/healthz")).json()
    assert (alive["status"], alive["durability"]) == ("alive", "fsync")
    assert node.stop() == 0


def test_the_owners_token_is_kept_from_others_and_printed(system: NodeProcess) -> None:
    printed = system.run("token")

    assert (printed.status, printed.out.strip()) == (0, system.token)
    assert stat.S_IMODE((system.data / "token").stat().st_mode) == 0o600


def test_a_token_that_was_lost_is_not_looked_for_behind_the_running_server(
    start_node: StartNode,
) -> None:
    node = start_node()
    (node.data / "token").unlink()

    for command in (("token",), ("user", "add", "Ann"), ("verify",)):
        done = node.run(*command)
        assert done.status == 1
        assert done.err.startswith("foundry: This data folder has no token: ")
        assert "Set FOUNDRY_TOKEN" in done.err


async def test_a_worker_makes_no_owner_whose_token_its_agents_could_read(
    start_node: StartNode, nats: NatsServer, enter: Enter
) -> None:
    log = {"FOUNDRY_NATS_URL": nats.url_with_password}
    worker = await asyncio.to_thread(start_node, "worker", "workers", **log)
    started_first = (worker.data / "token").exists()

    commands = await asyncio.to_thread(start_node, "commands", "commands", **log)

    owner = await enter(commands.address, commands.token)
    await owner.command("organization.create", name="Ours")
    assert not started_first


async def test_a_link_to_sign_in_with_is_printed_where_the_page_is(
    start_node: StartNode, nats: NatsServer
) -> None:
    log = {"FOUNDRY_NATS_URL": nats.url_with_password}

    without = await asyncio.to_thread(start_node, "one", "commands", **log)
    with_page = await asyncio.to_thread(
        start_node, "two", "commands", "read", FOUNDRY_TOKEN=without.token, **log
    )

    assert not without.login_code
    assert with_page.login_code


def test_a_second_node_on_the_same_data_names_the_first(system: NodeProcess) -> None:
    second = system.run("serve")

    assert second.status != 0
    assert str(system.pid) in second.err
    assert "Traceback" not in second.err


def test_an_unknown_setting_is_named(system: NodeProcess) -> None:
    refused = system.run("serve", FOUNDRY_HEARTBEET_SECONDS="1")

    assert refused.status != 0
    assert "FOUNDRY_HEARTBEET_SECONDS" in refused.err
    assert "Traceback" not in refused.err


def test_a_setting_of_the_wrong_kind_is_named(system: NodeProcess) -> None:
    refused = system.run("serve", FOUNDRY_DRAIN_SECONDS="soon")

    assert refused.status != 0
    assert "FOUNDRY_DRAIN_SECONDS" in refused.err
    assert "Traceback" not in refused.err


def test_a_role_needs_the_address_of_the_server_it_shares(system: NodeProcess) -> None:
    refused = system.run("serve", "read")

    assert refused.status != 0
    assert "FOUNDRY_NATS_URL" in refused.err


def test_a_taken_address_is_named(start_node: StartNode, system: NodeProcess) -> None:
    taken = system.address.removeprefix("http://")
    other = NodeProcess(system.data.parent / "other")

    refused = other.run("serve", FOUNDRY_LISTEN=taken)

    assert refused.status != 0
    assert taken in refused.err
    assert "Traceback" not in refused.err


ROBBED = """
import socket
from foundry import serve
from foundry.cli import main

bound, others = serve.listening_socket, []

def robbed(host, port):
    listener = bound(host, port)
    others.append(socket.socket())
    others[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    others[0].bind(listener.getsockname())
    others[0].listen()
    return listener

serve.listening_socket = robbed
main()
"""


def test_a_node_to_whose_address_another_listens_first_says_so_and_ends(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", program=("-c", ROBBED))

    node.launch()

    assert node.ended(20) == 1
    assert "Cannot listen on 127.0.0.1" in node.end_of_log()
    assert "Traceback" not in node.end_of_log()


async def test_metrics_and_openapi_are_there(owner: Client) -> None:
    metrics = await owner.get("/metrics")
    openapi = await owner.get("/v1/openapi.json")

    assert metrics.status_code == 200
    assert "# HELP" in metrics.text
    assert "/v1/commands/task.create" in openapi.text


async def test_a_node_of_any_role_describes_what_it_answers(
    nats: NatsServer, start_node: StartNode, enter: Enter
) -> None:
    settings = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    for role in ("commands", "workers"):
        node = await asyncio.to_thread(start_node, role, role, **settings)
        client = await enter(node.address, OWNER_TOKEN)

        refused = problem(await client.get("/v1/views/app"))
        meaning = await client.get(refused["type"])
        openapi = await client.get("/v1/openapi.json")

        assert (meaning.status_code, openapi.status_code) == (200, 200)
        assert openapi.json()["openapi"].startswith("3.")
