"""Long files, very many of them, and what changes all the time: what is captured has bounds, and so has the disk it takes."""

import os
from itertools import pairwise

import pytest

import workflows.capture
import workflows.git
from events.ids import TaskId
from events.task_files import CONTENT_BYTES
from tests.workflows.captured_work import CapturedWork, captured_work
from tests.workflows.remote import Remote
from workflows import capture_folder
from workflows.capture import FILES
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes


@pytest.fixture
async def work(sandboxes: LocalSandboxes, remote: Remote, git: Git) -> CapturedWork:
    return await captured_work(sandboxes, remote, git)


async def test_long_contents_and_patches_are_left_out_and_the_others_kept(
    work: CapturedWork,
) -> None:
    (work.tree / "long.txt").write_text("x" * (CONTENT_BYTES + 1))
    (work.tree / "short.txt").write_text("short\n")

    files = await work.files()

    assert (files["long.txt"].content, files["long.txt"].patch) == (None, None)
    assert files["long.txt"].added == 1
    assert files["short.txt"].content == b"short\n"
    assert files["short.txt"].patch is not None


async def test_of_very_many_differences_the_first_are_listed(work: CapturedWork) -> None:
    for number in range(FILES + 5):
        (work.tree / f"{number:05}").write_text(f"{number}\n")

    captured = await work.captured()

    assert (len(captured.files), captured.omitted) == (FILES, 5)
    assert captured.files[-1].content == f"{FILES - 1}\n".encode()
    assert captured.files[-1].patch is not None
    assert (len(captured.tree), captured.tree_omitted) == (FILES + 10, 0)


async def test_of_a_very_large_tree_the_first_files_are_listed(
    work: CapturedWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await work.captured()
    monkeypatch.setattr(workflows.capture, "TREE_FILES", 3)
    (work.tree / "zz.txt").write_text("new")

    captured = await work.captured()

    assert captured.tree == whole.tree[:3]
    assert captured.tree_omitted == len(whole.tree) + 1 - 3
    # What was changed behind them has its content all the same.
    assert [file.content for file in captured.files] == [b"new"]


async def test_what_changes_all_the_time_does_not_fill_the_disk(
    work: CapturedWork, sandboxes: LocalSandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_folder, "OLD_BYTES", 4 << 20)
    objects = sandboxes.state_folder(TaskId("task_1")) / "capture" / "objects"
    sizes: list[int] = []
    for _ in range(24):
        (work.tree / "checkpoint").write_bytes(os.urandom(1 << 20))
        assert set(await work.files()) == {"checkpoint"}
        sizes.append(sum(file.stat().st_size for file in objects.rglob("*") if file.is_file()))

    assert max(sizes) < 9 << 20
    # Made anew now and then, not each time.
    assert sum(after < before for before, after in pairwise(sizes)) in range(2, 6)


async def test_a_list_of_files_may_be_longer_than_what_git_may_say_otherwise(
    work: CapturedWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2_000):
        (work.tree / f"{number:05}").touch()
    await work.git("add", "--all")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    await work.git(*who, "commit", "--quiet", "-m", "many")
    work.base = await work.git("rev-parse", "HEAD")
    monkeypatch.setattr(workflows.git, "OUTPUT_BYTES", 64 << 10)

    captured = await work.captured()

    assert (len(captured.tree), captured.files) == (2_005, ())
