"""A repository compared with its remote: which branches there are, and how far they are apart."""

import os
from pathlib import Path

import msgspec
import pytest

from events.ids import RepositoryId
from events.repository import Branch
from events.store import MAX_COMMIT_BYTES
from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote, prepare, run
from workflows.git import GitFailed
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import ExistingBranch, NewBranch, RemoteState


async def test_a_link_out_of_the_allowed_folder_is_not_followed(
    git_link: Path, sandboxes: LocalSandboxes
) -> None:
    with pytest.raises(Rejected, match="no repository from that place"):
        await sandboxes.sync(RepositoryId("repo_2"), remote_url=str(git_link))


@pytest.fixture
def git_link(tmp_path: Path) -> Path:
    link = tmp_path / "link"
    link.symlink_to("/usr")
    return link


async def test_a_sync_tells_the_branches_and_how_far_they_are_apart(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    remote.git("checkout", "--quiet", "-b", "feature")
    feature = remote.commit(b="1")
    remote.git("branch", "gone")
    remote.git("checkout", "--quiet", "main")
    remote.commit(a="2")
    main = remote.commit(a="3")
    await sandboxes.sync(REPOSITORY, remote_url=remote.url)
    remote.git("branch", "-D", "gone")

    state = await sandboxes.sync(REPOSITORY, remote_url=remote.url)

    assert state == RemoteState(
        default_branch="main",
        branches=(
            Branch(name="feature", sha=feature, ahead=1, behind=2, conflicts=False),
            Branch(name="main", sha=main, ahead=0, behind=0, conflicts=False),
        ),
    )


async def test_a_branch_whose_name_is_no_text_is_none_for_anybody(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    main = remote.commit(a="1")
    remote.git("update-ref", os.fsdecode(b"refs/heads/caf\xe9"), main)

    state = await sandboxes.sync(REPOSITORY, remote_url=remote.url)
    again = await sandboxes.sync(REPOSITORY, remote_url=remote.url)

    assert [branch.name for branch in state.branches] == ["main"]
    assert msgspec.json.encode(again) == msgspec.json.encode(state)


async def test_of_very_many_branches_so_many_are_told_as_one_fact_can_hold(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    main = remote.commit(a="1")
    many = "".join(f"{main} refs/heads/{number:05}{'x' * 50}\n" for number in range(9_000))
    (remote.path / ".git" / "packed-refs").write_text(many)
    await prepare(sandboxes, remote, ExistingBranch(f"08888{'x' * 50}"))

    state = await sandboxes.sync(REPOSITORY, remote_url=remote.url)

    names = {branch.name for branch in state.branches}
    assert {"main", f"08888{'x' * 50}"} < names
    assert len(names) + state.left_out == 9_001
    assert MAX_COMMIT_BYTES // 2 < len(msgspec.json.encode(state)) < MAX_COMMIT_BYTES


async def test_a_sync_of_a_repository_without_a_commit_finds_nothing(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    assert await sandboxes.sync(REPOSITORY, remote_url=remote.url) == RemoteState(
        default_branch=None, branches=()
    )


async def test_a_task_branch_survives_the_syncs(sandboxes: LocalSandboxes, remote: Remote) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")
    remote.commit(a="3")

    await sandboxes.sync(REPOSITORY, remote_url=remote.url)

    assert await run(sandboxes, sandbox, "git log --format=%s -1") == "two"


async def test_damage_on_this_host_is_not_blamed_on_the_remote(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    await sandboxes.sync(REPOSITORY, remote_url=remote.url)
    copy = sandboxes.repositories.path(REPOSITORY)
    for file in (copy / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"damaged")

    with pytest.raises(GitFailed, match=r"worker's own copy .* `git fsck` in") as failed:
        await sandboxes.sync(REPOSITORY, remote_url=remote.url)

    assert str(copy) in failed.value.detail
