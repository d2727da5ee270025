"""Folders that do not let themselves be removed: read-only ones, and those of another user."""

import errno
import os
from pathlib import Path

import pytest

from tests.not_as_root import not_as_root
from workflows.disk import LocalDisk


async def test_a_folder_made_read_only_all_through_is_thrown_away() -> None:
    with not_as_root() as place:
        disk = LocalDisk(place / "trash")
        inner = place / "tree" / "inner"
        inner.mkdir(parents=True)
        (inner / "file").touch()
        for folder in (inner, inner.parent):
            folder.chmod(0o555)

        await disk.throw_away(place / "tree")

        assert os.listdir(place) == ["trash"]
        assert os.listdir(place / "trash") == []


async def test_what_belongs_to_another_user_stays_in_the_trash_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: object, mode: int, **options: object) -> None:
        raise PermissionError(f"not yours: {path}")

    disk = LocalDisk(tmp_path / "trash")
    for name in ("tree", "trash/1", "trash/2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    monkeypatch.setattr(os, "chmod", refusing)

    await disk.throw_away(tmp_path / "tree")
    await disk.empty_trash()

    assert os.listdir(tmp_path) == ["trash"]
    assert os.listdir(tmp_path / "trash") == []


async def test_one_thing_that_cannot_be_removed_does_not_keep_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with not_as_root() as place:
        disk = LocalDisk(place / "trash")
        kept = place / "trash" / "1"
        kept.mkdir()
        for name in ("0", "2"):
            (place / "trash" / name).write_text("")
        real = os.unlink
        (kept / "file").touch()

        def unlink(path: object, **options: object) -> None:
            if str(path).endswith("file"):
                raise PermissionError("not yours")
            real(path, **options)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "unlink", unlink)
            await disk.empty_trash()

        assert os.listdir(place / "trash") == ["1"]
        assert "trash cannot be removed" in caplog.text


async def test_what_lies_on_another_disk_than_the_trash_is_removed_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(path))

    disk = LocalDisk(tmp_path / "trash")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    monkeypatch.setattr(Path, "rename", elsewhere)

    await disk.throw_away(tmp_path / "tree")

    assert os.listdir(tmp_path) == ["trash"]
    assert os.listdir(tmp_path / "trash") == []
