"""Secrets stay where they belong: not in logs, facts, problems, metrics, process lists or sandboxes; and the log has a lock."""

import asyncio
import re

import httpx
import msgspec

from tests.process_tree import command_line, descendants
from tests.system.client import Client
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import House, Person

WITHIN = 15.0


async def cookie_of(node: NodeProcess, credential: dict[str, str]) -> str:
    async with httpx.AsyncClient(base_url=node.address) as browser:
        answer = await browser.post("/v1/login", json=credential)
        assert answer.status_code == 200, answer.text
        return browser.cookies["foundry_session"]


async def test_no_secret_is_written_anywhere_it_can_be_read_by_others(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_LOG_LEVEL="debug")
    owner = await enter(node.address, node.token)
    house = await House.build(owner, git_repository.url)
    friend = await Person.arrive(owner, enter, "Friend")
    made = await owner.command("token.create")
    nats_password: str = msgspec.json.decode((node.data / "nats/server.json").read_bytes())[
        "password"
    ]
    secrets = {
        "token of the owner": node.token,
        "token of a friend": _secret_of(friend.client),
        "second token": made.secret or "",
        "cookie by token": await cookie_of(node, {"token": node.token}),
        "cookie by code": await cookie_of(node, {"code": node.login_code}),
        "code": node.login_code,
        "password of the log": nats_password,
    }
    assert all(len(secret) >= 16 for secret in secrets.values()), secrets
    created = await house.finished_task("env; cat /proc/self/environ; ls -la ..")

    # An address that holds a secret by mistake is told back to whoever sent it, and not written down.
    await owner.get("/v1/views/task/" + secrets["second token"])
    refusals = [
        await (await enter(node.address, secrets["second token"] + "x")).get("/v1/views/app"),
        await owner.http.post("/v1/login", json={"token": "x" + secrets["second token"]}),
        await owner.http.post("/v1/login", json={"code": secrets["code"]}),
    ]
    seen = {
        "a log line": node.log.read_text(),
        "a problem": "".join(one.text for one in refusals),
        "a metric": (await owner.get("/metrics")).text,
        "the health": (await owner.get("/healthz")).text,
        "what an agent sees": str(
            await owner.data(f"transcript/{created.ids['session_id']}", limit=200)
        ),
        "the process list": "".join(map(command_line, descendants(node.pid))),
    }
    history = [
        (await owner.get(f"/v1/history/{thing}?facts=true")).text
        for thing in ("usr_owner", created.ids["task_id"], house.organization_id)
    ]
    history.append((await friend.client.get(f"/v1/history/{friend.id}?facts=true")).text)
    seen["a fact"] = "".join(history)

    assert node.stop() == 0
    stored = b"".join(
        path.read_bytes() for path in (node.data / "nats/jetstream").rglob("*") if path.is_file()
    )
    rows = b"".join(path.read_bytes() for path in node.data.rglob("*.sqlite3*"))
    for what, secret in secrets.items():
        for where, text in seen.items():
            assert secret not in text, f"{what} stands in {where}"
        assert secret.encode() not in stored, f"{what} stands in the log"
        assert secret.encode() not in rows, f"{what} stands in the read models"


async def test_the_embedded_log_lets_nobody_in_without_its_password(system: NodeProcess) -> None:
    configuration = (system.data / "nats/server.conf").read_text()
    found = re.search(r"127\.0\.0\.1:(\d+)", configuration)
    assert found is not None

    async with asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", int(found[1]))
        greeting = await source.readline()
        sink.write(
            b'CONNECT {"user": "foundry", "pass": "guessed"}\r\nPUB evt.task.task_1 1\r\nx\r\n'
        )
        answer = await source.read()
        sink.close()

    assert greeting.startswith(b"INFO ")
    assert answer.startswith(b"-ERR 'Authorization Violation'")
    for name in ("server.conf", "server.json"):
        assert (system.data / "nats" / name).stat().st_mode & 0o077 == 0
    assert (system.data / "token").stat().st_mode & 0o077 == 0


def _secret_of(client: Client) -> str:
    return str(client.http.headers["authorization"]).removeprefix("Bearer ")
