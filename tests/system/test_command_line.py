"""The other commands of the CLI, on a node that runs."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.nats_process import NatsServer
from tests.system.conftest import OWNER_TOKEN, Enter, StartNode
from tests.system.node_process import START_SECONDS, Finished, NodeProcess
from tests.system.people import House


async def _run(node: NodeProcess, *arguments: str) -> Finished:
    return await asyncio.to_thread(node.run, *arguments)


async def test_a_user_is_added_and_can_come_in(system: NodeProcess, enter: Enter) -> None:
    added = await _run(system, "user", "add", "Ann", "--json")

    assert added.status == 0, added.err
    token = next(value for value in json.loads(added.out).values() if str(value).startswith("fdy_"))
    client = await enter(system.address, token)
    assert (await client.data("app"))["user"]["name"] == "Ann"


async def test_a_server_of_another_folder_is_left_alone(
    system: NodeProcess, tmp_path: Path
) -> None:
    nobody_serves = NodeProcess(
        tmp_path / "data", FOUNDRY_LISTEN=system.address.removeprefix("http://")
    )
    await _run(nobody_serves, "token")

    added = await _run(nobody_serves, "user", "add", "Bea", "--json")

    assert added.status == 0, added.err
    user_id = json.loads(added.out)["user_id"]
    assert (await _run(nobody_serves, "history", user_id)).status == 0
    assert (await _run(system, "history", user_id)).status == 1
    assert (await _run(nobody_serves, "verify", "workspace", "--json")).status == 0


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
async def test_a_user_needs_a_name_with_and_without_a_server(
    system: NodeProcess, tmp_path: Path, name: str
) -> None:
    for node in (system, NodeProcess(tmp_path / "data")):
        done = await _run(node, "user", "add", name)
        assert done.status == 1
        assert done.err.startswith("foundry: The name cannot be used: ")
        assert "body" not in done.err


async def test_a_server_tells_machines_where_it_is(tmp_path: Path) -> None:
    serving = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "foundry", "serve", "--json"),
        env=NodeProcess(tmp_path / "data").environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert serving.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        said = [await serving.stdout.readline()]
        serving.terminate()
        said += [line async for line in serving.stdout]
        status = await serving.wait()

    assert status == 0
    (ready,) = map(json.loads, said)
    assert ready["address"].startswith("http://127.0.0.1:")
    assert "#code=" in ready["sign_in"]


async def test_a_role_that_is_none_is_refused_with_those_there_are(system: NodeProcess) -> None:
    done = await _run(system, "serve", "reader")

    assert done.status == 2
    assert "'reader' is no role; there are commands, read, workers" in done.err


async def test_what_a_node_has_no_role_for_is_refused_with_the_role_it_takes(
    start_node: StartNode, nats: NatsServer
) -> None:
    log = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "data", "workers", **log)

    for command, role in (("user add Ann", "commands"), ("verify", "read"), ("demo", "commands")):
        done = await _run(node, *command.split())

        assert done.status == 1
        assert done.err.startswith(f"foundry: This takes a server with the role `{role}`; ")
        assert f"{node.address} has only workers." in done.err


async def test_a_shell_without_the_nats_url_of_a_node_is_told_what_helps(
    start_node: StartNode, nats: NatsServer
) -> None:
    log = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "data", **log)
    forgetful = NodeProcess(node.data, FOUNDRY_TOKEN=OWNER_TOKEN)

    asked = await _run(forgetful, "verify", "workspace")
    read = await _run(forgetful, "history", "usr_owner")

    assert (asked.status, asked.err) == (0, "")
    assert (read.status, read.err.count("\n")) == (1, 1)
    assert read.err.startswith("foundry: `foundry serve` with process id ")
    assert "with the FOUNDRY_NATS_URL it has" in read.err


async def test_the_history_of_a_task_is_printed(system: NodeProcess, house: House) -> None:
    created = await house.create_task()

    people = await _run(system, "history", created.ids["task_id"])
    machines = await _run(system, "history", created.ids["task_id"], "--json")

    assert "task_created" in people.out
    lines = [json.loads(line) for line in machines.out.split("\n") if line]
    assert lines[0]["position"] == created.position


async def test_a_history_of_nothing_fails_with_a_sentence(system: NodeProcess) -> None:
    for nothing in ("task_nothing", "nonsense", "task_*"):
        done = await _run(system, "history", nothing)
        assert done.status != 0, nothing
        assert done.err.startswith("foundry: ")
        assert "Traceback" not in done.err


async def test_a_place_the_log_does_not_have_fails_with_a_sentence(system: NodeProcess) -> None:
    beyond = ("--after", "999999999")
    for command in (("tail", *beyond), ("replay", *beyond), ("replay", "--after", "-1")):
        done = await _run(system, *command)
        assert done.status != 0, command
        assert "Traceback" not in done.err
        assert "log" in done.err


async def test_who_follows_the_log_of_a_server_that_ends_is_told_so(
    start_node: StartNode,
) -> None:
    node = await asyncio.to_thread(start_node, "data")
    following = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "foundry", "tail", "--after", "0", "--json"),
        env=node.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert following.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            assert json.loads(await following.stdout.readline())["position"] == 1
            await asyncio.to_thread(node.kill)
            _, said = await following.communicate()
    finally:
        if following.returncode is None:
            following.kill()

    assert following.returncode == 1
    assert b"foundry: The process that ran the nats-server of this data folder has ended" in said


@pytest.mark.parametrize("command", ["token", "doctor", "verify", "history usr_owner"])
async def test_what_cannot_be_printed_is_a_sentence_and_no_success(
    system: NodeProcess, command: str
) -> None:
    status, said = await _printing_to(os.open("/dev/full", os.O_WRONLY), system, *command.split())

    assert status == 1
    assert said.startswith(b"foundry: The disk takes nothing")
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("command", ["token", "verify", "history usr_owner"])
async def test_a_command_whose_reader_left_says_nothing_and_is_no_success(
    system: NodeProcess, command: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    status, said = await _printing_to(writer, system, *command.split())

    assert (status, said) == (128 + signal.SIGPIPE, b"")


async def _printing_to(where: int, node: NodeProcess, *arguments: str) -> tuple[int, bytes]:
    """Status and standard error of a command that prints to a file descriptor, which is closed here."""
    printing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "foundry", *arguments),
        env=node.environment(),
        stdout=where,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(where)
    async with asyncio.timeout(START_SECONDS):
        _, said = await printing.communicate()
    assert printing.returncode is not None
    return printing.returncode, said


@pytest.mark.parametrize("command", ["serve", "token", "history usr_owner", "doctor"])
async def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    node = NodeProcess(tmp_path / "file")

    done = await _run(node, *command.split())

    assert done.status == 1
    assert done.err.startswith(f"foundry: FOUNDRY_DATA is {tmp_path}/file, which cannot be used")


@pytest.mark.parametrize("command", ["replay", "verify --json"])
async def test_who_reads_where_no_log_was_is_told_so(tmp_path: Path, command: str) -> None:
    node = NodeProcess(tmp_path / "dta")

    first = await _run(node, *command.split())
    second = await _run(node, *command.split())

    assert (first.status, second.status) == (0, 0)
    assert first.err.startswith(f"foundry: FOUNDRY_DATA is {tmp_path}/dta, where no log was")
    assert "no log was" not in second.err


async def test_the_projections_are_what_the_log_says(system: NodeProcess, house: House) -> None:
    await house.finished_task("true")

    verified = await _run(system, "verify", "--json")

    assert verified.status == 0, verified.out + verified.err
    for line in verified.out.split("\n"):
        if line:
            assert json.loads(line)["differences"] == []


async def test_the_log_is_read_once_and_counted(system: NodeProcess, house: House) -> None:
    await house.create_task()

    replayed = await _run(system, "replay", "--json")

    assert replayed.status == 0, replayed.err
    assert "task_created" in replayed.out


async def test_the_doctor_finds_nothing(system: NodeProcess) -> None:
    done = await _run(system, "doctor")

    assert done.status == 0, done.out + done.err
