"""Sandboxes of a data folder that was moved or copied: the work in them is neither lost nor touched."""

import shutil
from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.remote import ONE, TWO, Remote, prepare, run
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.processes import Processes
from workflows.repositories import Repositories
from workflows.sandbox import NewBranch


async def test_what_is_removed_in_a_copy_of_the_data_folder_stays_in_the_original(
    sandboxes: LocalSandboxes, git: Git, processes: Processes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    Path(sandbox.path, "a").write_text("not committed")
    copy = shutil.copytree(tmp_path / "data", tmp_path / "copy", symlinks=True)
    repositories = Repositories(git, copy / "repositories", local_root=tmp_path)
    copied = LocalSandboxes(data=copy, git=git, repositories=repositories, processes=processes)

    await copied.release(ONE, branch="delete")

    assert await copied.orphans([]) == []
    assert Path(sandbox.path, "a").read_text() == "not committed"


async def test_a_copy_of_the_data_folder_does_nothing_in_the_working_trees_of_the_original(
    sandboxes: LocalSandboxes, git: Git, processes: Processes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    copy = shutil.copytree(tmp_path / "data", tmp_path / "copy", symlinks=True)
    # Allocated before the copy, made after it.
    later, _ = await prepare(sandboxes, remote, NewBranch("two"), TWO)
    Path(later.path, "a").write_text("not committed")
    repositories = Repositories(git, copy / "repositories", local_root=tmp_path)
    copied = LocalSandboxes(data=copy, git=git, repositories=repositories, processes=processes)

    for attempt in (
        copied.prepare(later, remote_url=remote.url, branch=NewBranch("two")),
        copied.start(later, ["touch", "left"]),
        copied.capture(later, base="HEAD"),
    ):
        with pytest.raises(Rejected) as refusal:
            await attempt
        assert refusal.value.code == "sandbox_moved"

    assert Path(later.path, "a").read_text() == "not committed"
    assert not Path(later.path, "left").exists()


async def test_what_is_staged_and_checked_out_stays_while_a_working_tree_is_out_of_sight(
    sandboxes: LocalSandboxes, git: Git, processes: Processes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "git checkout --quiet --detach; echo 2 >b; git add b")
    moved = (tmp_path / "data").rename(tmp_path / "moved")
    repositories = Repositories(git, moved / "repositories", local_root=tmp_path)
    there = LocalSandboxes(data=moved, git=git, repositories=repositories, processes=processes)

    await prepare(there, remote, NewBranch("two"), TWO)
    await there.release(TWO, branch="delete")
    moved.rename(tmp_path / "data")

    assert await run(sandboxes, sandbox, "git diff --cached --name-only") == "b"


async def test_a_working_tree_whose_data_folder_was_moved_is_not_taken_for_lost(
    sandboxes: LocalSandboxes, git: Git, processes: Processes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    moved = (tmp_path / "data").rename(tmp_path / "moved")
    repositories = Repositories(git, moved / "repositories", local_root=tmp_path)
    there = LocalSandboxes(data=moved, git=git, repositories=repositories, processes=processes)

    with pytest.raises(Rejected) as refusal:
        await there.start(sandbox, ["git", "status"])
    (tmp_path / "data").symlink_to(moved)
    status = await there.start(sandbox, ["git", "status"])

    assert refusal.value.code == "sandbox_moved"
    assert await status.wait() == 0
