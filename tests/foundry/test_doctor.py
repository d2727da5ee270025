"""The doctor says what is wrong, and goes on looking."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from foundry import doctor
from foundry.data_folder import A_COMMAND, locked
from tests.system.node_process import NodeProcess


def damage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def hold_no_rows_of_ours(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (id)")
    db.close()


@pytest.mark.parametrize("harm", [damage, empty, hold_no_rows_of_ours])
def test_a_projection_that_cannot_be_read_is_a_finding(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    node = NodeProcess(tmp_path / "data")
    (node.data / "projections").mkdir(parents=True)
    harm(node.data / "projections" / "workspace-1.sqlite3")

    done = node.run("doctor")

    assert done.status == 1
    assert "BAD  projection workspace-1: " in done.out
    assert "cannot be read" in done.out
    # Others are looked at all the same.
    assert "server: none works on this data folder" in done.out
    assert "Traceback" not in done.err


def test_a_projection_that_the_disk_does_not_let_be_opened_is_not_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    # As of a folder that can only be read: a write-ahead log needs files beside it.
    monkeypatch.setattr(sqlite3, "connect", refuse)

    finding = doctor._projection(tmp_path / "workspace-1.sqlite3")

    assert not finding.well
    assert "let it be written" in finding.advice
    assert "remove" not in finding.advice


def test_a_server_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data")

    with locked(node.data):
        done = node.run("doctor")
        refused = node.run("user", "add", "Anna")

    assert (done.status, refused.status) == (1, 1)
    assert "BAD  server: `foundry serve` with process id" in done.out
    assert "stands still" in refused.err


def test_a_command_that_has_the_folder_is_no_server_that_starts(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data")

    with locked(node.data, by=A_COMMAND):
        done = node.run("doctor")
        refused = node.run("user", "add", "Anna")

    assert "BAD  server: a `foundry` command with process id" in done.out
    for said in (done.out, refused.err):
        assert "wait for its end, or end it, and try again" in said
        assert "starting" not in said


def test_a_folder_that_is_still_to_be_made_has_a_disk_already(tmp_path: Path) -> None:
    done = NodeProcess(tmp_path / "data").run("doctor", FOUNDRY_DATA=str(tmp_path / "a/b/c"))

    assert done.status == 0, done.out + done.err
    assert f"MiB free at {tmp_path}/a/b/c" in done.out
    assert "log: none yet in this data folder" in done.out
    assert not (tmp_path / "a").exists()


def test_a_data_folder_that_everybody_may_look_into_is_remarked_on_and_no_fault(
    tmp_path: Path,
) -> None:
    node = NodeProcess(tmp_path / "data")
    node.data.mkdir()
    node.data.chmod(0o755)
    opened = node.run("doctor")
    node.data.chmod(0o750)
    closed = node.run("doctor")

    assert (opened.status, closed.status) == (0, 0)
    assert f"ok   data folder: {node.data} has mode 0755: every account" in opened.out
    assert f"chmod o-rwx {node.data}" in opened.out
    assert f"ok   data folder: {node.data} has mode 0750\n" in closed.out


@pytest.mark.parametrize(
    ("script", "well", "detail"),
    [
        ("echo git version 2.38.0", True, "git version 2.38.0"),
        ("echo git version 3.1.vendor", True, "git version 3.1.vendor"),
        ("echo git version 2.9.5", False, "git version 2.9.5"),
        ("exit 1", False, "does not say its version"),
    ],
)
def test_a_git_that_is_too_old_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, well: bool, detail: str
) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    finding = doctor._git()

    assert finding.well is well
    assert detail in finding.detail
    assert "2.38" in finding.advice
