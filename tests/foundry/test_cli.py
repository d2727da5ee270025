"""The command line: what goes wrong is a sentence, and `--json` may stand anywhere."""

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from commands.login_codes import LoginCodes
from events.store import LostTail
from foundry import cli, demo, identity, serve
from foundry.running import client_of
from foundry.serve import ALL
from foundry.write_side import uptime
from projectors.catalog import PROJECTIONS
from runtime.errors import Unavailable
from runtime.settings import Settings, load
from tests.system.node_process import NodeProcess

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What `foundry token` fails with in this test, once something is put in."""
    errors: list[Exception] = []

    async def token(settings: Settings, options: argparse.Namespace) -> int:
        raise errors[0]

    monkeypatch.setattr(identity, "token", token)
    return errors


def _damage_of_a_file() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("file is not a database")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _file_that_does_not_open() -> sqlite3.OperationalError:
    """As SQLite says it of a folder on a full disk, and of a process that may open no more files."""
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return error


def _file_that_is_held() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("There is nobody."),
        ExceptionGroup("", [Unavailable("There is nobody.")]),
        LostTail("it is gone"),
        PermissionError(13, "Permission denied", "/data/token"),
        IsADirectoryError(21, "Is a directory", "/data/lock"),
        OSError(24, "Too many open files"),
        _damage_of_a_file(),
        _file_that_does_not_open(),
        _file_that_is_held(),
    ],
)
def test_what_can_go_wrong_is_a_sentence(
    failing: list[Exception], error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(error)

    with pytest.raises(SystemExit) as ended:
        cli.main(["token"])

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(
        (
            "foundry: There is nobody.",
            "foundry: The log",
            "foundry: The system gives this process no more (Too many open files)",
            "foundry: This user",
            "foundry: A file in the data folder is damaged",
            "foundry: Another process holds a file of the data folder (database is locked)",
            "foundry: A file of the data folder cannot be opened (unable to open database file): the disk",
            "foundry: /data/lock is in the way",
        )
    )


@pytest.mark.parametrize(
    "error", [KeyError("a"), ExceptionGroup("", [Unavailable("so"), KeyError("a")])]
)
def test_what_nobody_expected_keeps_its_trace(failing: list[Exception], error: Exception) -> None:
    failing.append(error)

    with pytest.raises(type(error)):
        cli.main(["token"])


@pytest.mark.parametrize("roles", [ALL, frozenset({"read"}), frozenset({"commands"})])
@pytest.mark.parametrize("token", ["t" * 20, None])
def test_a_start_advises_only_what_works_on_that_node(
    roles: frozenset[str], token: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = LoginCodes(uptime)

    serve._say_where_to_go("http://127.0.0.1:1", codes, roles, token, 0.1)

    said = capsys.readouterr().out
    assert said.count("  token ") == 1
    assert ("foundry token" in said) == (token is not None)
    assert ("foundry demo" in said) == (token is not None and roles == ALL)
    assert ("#code=" in said) == (token is not None and "commands" in roles)
    assert ("http://127.0.0.1:1/#code=" in said) == (token is not None and roles == ALL)


async def test_a_server_that_ends_under_a_command_is_named() -> None:
    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(end, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = load({"FOUNDRY_LISTEN": f"127.0.0.1:{port}", "FOUNDRY_TOKEN": "t" * 20})

        for asks in (alone, beside_others):
            with pytest.raises((Unavailable, ExceptionGroup)) as failed:
                async with client_of(settings) as client:
                    await asks(client)
            assert f"127.0.0.1:{port} stopped answering" in str(cli._sentence(failed.value))


async def test_what_the_demo_waits_for_too_long_is_named() -> None:
    with pytest.raises(Unavailable, match=r"The task was not done within 0 s; `foundry doctor`"):
        async with demo._within(0, "The task was not done"):
            await asyncio.Event().wait()


@pytest.mark.parametrize("command", ["rebuild", "verify"])
def test_whatever_is_in_the_catalog_can_be_rebuilt_and_verified(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_NATS_URL", "nats://127.0.0.1:1")
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "nonsense"])

    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "foundry: There is no projection nonsense; there are"
        f" {', '.join(one.name for one in PROJECTIONS)}.\n"
    )


def test_what_happens_under_a_command_is_told_with_its_fields(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data")
    assert node.run("token").err == ""
    (node.data / "directory.sqlite3").write_bytes(b"no database" * 1000)

    said = node.run("user", "add", "Ann").err

    (line,) = map(json.loads, said.splitlines())
    assert line["level"] == "error"
    assert line["file"] == str(node.data / "directory.sqlite3")


def test_a_name_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    done = NodeProcess(tmp_path / "data").run("user", "add", "Ann\udcff")

    assert (done.status, done.out) == (1, "")
    assert done.err == "foundry: The name cannot be used: it is no text in UTF-8. Give another.\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_may_be_started_without_standard_streams(tmp_path: Path, closed: str) -> None:
    node = NodeProcess(tmp_path / "data")
    command = f'"{sys.executable}" -m foundry replay {closed}'

    status = subprocess.call(command, shell=True, env=node.environment())

    assert status == 0


@pytest.mark.parametrize("name", ["lock", "token", "nats", "projections"])
def test_what_is_in_the_way_in_the_data_folder_is_named(tmp_path: Path, name: str) -> None:
    node = NodeProcess(tmp_path / "data")
    if name in ("nats", "projections"):
        node.data.mkdir()
        (node.data / name).write_text("")
    else:
        (node.data / name).mkdir(parents=True)

    done = node.run("serve")

    assert done.status == 1
    assert "Traceback" not in done.err
    assert str(node.data / name) in done.err.splitlines()[-1]


def test_an_interrupt_while_the_program_is_read_ends_it_without_a_trace(tmp_path: Path) -> None:
    # Whoever was started in the background of a script has the signal ignored.
    (tmp_path / "uvloop.py").write_text(
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.raise_signal(signal.SIGINT)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "foundry", "token"], env=environment, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (130, "")


async def alone(client: httpx.AsyncClient) -> None:
    await client.get("/")


async def beside_others(client: httpx.AsyncClient) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.get("/"))


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "user", "add", "Ann"],
        ["user", "--json", "add", "Ann"],
        ["user", "add", "Ann", "--json"],
        ["--json", "doctor"],
        ["doctor", "--json"],
        ["--json", "poison", "skip", "task_1"],
    ],
)
def test_json_may_be_asked_for_anywhere(words: Sequence[str]) -> None:
    options = cli._parser().parse_args(words)
    assert options.json

    assert not cli._parser().parse_args([word for word in words if word != "--json"]).json
