"""The data folder: one server works in it, and whoever only looks is in nobody's way."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from foundry.data_folder import (
    DataFolderInUse,
    DataFolderUnusable,
    check_usable,
    host_name,
    is_locked,
    locked,
    read_host,
    read_token,
    write_token,
)


def test_whoever_only_looks_keeps_no_server_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "lock").open("a+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))

        with locked(tmp_path):
            assert is_locked(tmp_path)


def test_whoever_works_in_it_is_named(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(DataFolderInUse, match="`foundry serve` with process id"),
        locked(tmp_path),
    ):
        pass


def test_the_name_of_a_host_is_made_once(tmp_path: Path) -> None:
    assert read_host(tmp_path) is None

    name = host_name(tmp_path, wanted=None)

    assert host_name(tmp_path, wanted=None) == read_host(tmp_path) == name


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")

    with pytest.raises(DataFolderUnusable, match="token is damaged"):
        read_token(tmp_path)


def test_a_name_that_no_folder_can_have_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataFolderUnusable, match="File name too long"):
        check_usable(tmp_path / ("long" * 100))


def test_a_token_is_on_the_disk_before_anybody_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)

    write_token(tmp_path, "the token")

    assert synced == ["token.new", tmp_path.name]
    assert read_token(tmp_path) == "the token"


def test_a_path_that_is_too_long_for_sqlite_is_an_error_that_says_so(tmp_path: Path) -> None:
    folder = Path(tmp_path, *["long" * 50] * 3)
    (tmp_path / "link").symlink_to(folder)

    for path in (folder, tmp_path / "link"):
        with pytest.raises(DataFolderUnusable, match="440 at most"):
            check_usable(path)
