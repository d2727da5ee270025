"""A repository compared with its remote: which branches there are, and how far they are apart."""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from events.ids import RepositoryId
from events.repository import Branch
from events.store import MAX_COMMIT_BYTES
from runtime.errors import Rejected
from tests.workflows.remote import PATH, REPOSITORY, TWO, Remote, prepare, run
from workflows.git import Git, GitFailed
from workflows.local_sandbox import LocalSandboxes
from workflows.remotes import Remotes, RemoteState
from workflows.repositories import Repositories
from workflows.sandbox import ExistingBranch, NewBranch, RemoteUnavailable

WAYS_OUT = {
    "a link": 'ln -s "$elsewhere" way',
    "a link behind the name": 'ln -s "$elsewhere/.git" way.git',
    "a link inside": 'mkdir way; ln -s "$elsewhere/.git" way/.git',
    "a file that says where": 'mkdir way; echo "gitdir: $elsewhere/.git" >way/.git',
    "a file behind the name": 'echo "gitdir: $elsewhere/.git" >way.git',
    "a working tree": 'git -C "$elsewhere" worktree add --quiet --detach "$PWD/way"',
    "a common folder": 'git init --quiet way; echo "$elsewhere/.git" >way/.git/commondir',
    "links in a circle": "ln -s way way",
}


@pytest.mark.parametrize("way", WAYS_OUT.values(), ids=WAYS_OUT.keys())
async def test_no_way_out_of_the_allowed_folder_is_followed(
    way: str, git: Git, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="secret")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    make(way, allowed, elsewhere=remote.url)
    repositories = Repositories(git, tmp_path / "data" / "repositories", local_root=allowed)

    with pytest.raises((Rejected, RemoteUnavailable)) as refused:
        await Remotes(git, repositories).state(REPOSITORY, str(allowed / "way"))

    assert refused.value.code in ("remote_forbidden", "remote_unavailable")


def make(way: str, folder: Path, *, elsewhere: str) -> None:
    env = {"PATH": PATH, "elsewhere": elsewhere}
    subprocess.run(["sh", "-ec", way], cwd=folder, env=env, check=True)


async def test_what_lies_in_the_allowed_folder_is_found_however_it_lies_there(
    remotes: Remotes, remote: Remote
) -> None:
    main = remote.commit(a="1")
    remote.git("worktree", "add", "--quiet", "--detach", "../tree")
    remote.git("clone", "--quiet", "--bare", ".", "../bare.git")
    for number, name in enumerate((remote.path.name, "tree", "bare", "bare.git")):
        url = str(remote.path.with_name(name))
        state = await remotes.state(RepositoryId(f"repo_{number}"), url)
        assert [branch.sha for branch in state.branches] == [main], name


async def test_a_sync_tells_the_branches_and_how_far_they_are_apart(
    remotes: Remotes, remote: Remote
) -> None:
    remote.commit(a="1")
    remote.git("checkout", "--quiet", "-b", "feature")
    feature = remote.commit(b="1")
    remote.git("branch", "gone")
    remote.git("checkout", "--quiet", "main")
    remote.commit(a="2")
    main = remote.commit(a="3")
    await remotes.state(REPOSITORY, remote.url)
    remote.git("branch", "-D", "gone")

    state = await remotes.state(REPOSITORY, remote.url)

    assert state == RemoteState(
        default_branch="main",
        branches=(
            Branch(name="feature", sha=feature, ahead=1, behind=2, conflicts=False),
            Branch(name="main", sha=main, ahead=0, behind=0, conflicts=False),
        ),
    )


async def test_a_repository_that_names_commits_another_way_is_refused_with_a_sentence(
    remotes: Remotes, remote: Remote
) -> None:
    shutil.rmtree(remote.path / ".git")
    remote.git("init", "--quiet", "--object-format=sha256")
    remote.commit(a="1")

    with pytest.raises(Rejected, match="SHA-256") as refused:
        await remotes.state(REPOSITORY, remote.url)

    assert refused.value.code == "remote_unsupported"


async def test_a_branch_whose_name_is_no_text_is_none_for_anybody(
    remotes: Remotes, remote: Remote
) -> None:
    main = remote.commit(a="1")
    remote.git("update-ref", os.fsdecode(b"refs/heads/caf\xe9"), main)

    state = await remotes.state(REPOSITORY, remote.url)
    again = await remotes.state(REPOSITORY, remote.url)

    assert [branch.name for branch in state.branches] == ["main"]
    assert msgspec.json.encode(again) == msgspec.json.encode(state)


async def test_of_very_many_branches_so_many_are_told_as_one_fact_can_hold(
    sandboxes: LocalSandboxes, remotes: Remotes, remote: Remote
) -> None:
    main = remote.commit(a="1")
    many = "".join(f"{main} refs/heads/{number:05}{'x' * 50}\n" for number in range(9_000))
    (remote.path / ".git" / "packed-refs").write_text(many)
    await prepare(sandboxes, remote, ExistingBranch(f"08888{'x' * 50}"))

    state = await remotes.state(REPOSITORY, remote.url)

    names = {branch.name for branch in state.branches}
    assert {"main", f"08888{'x' * 50}"} < names
    assert len(names) + state.left_out == 9_001
    assert MAX_COMMIT_BYTES // 2 < len(msgspec.json.encode(state)) < MAX_COMMIT_BYTES


async def test_a_sync_of_a_repository_without_a_commit_finds_nothing(
    remotes: Remotes, remote: Remote
) -> None:
    assert await remotes.state(REPOSITORY, remote.url) == RemoteState(
        default_branch=None, branches=()
    )


async def test_a_task_branch_survives_the_syncs(
    sandboxes: LocalSandboxes, remotes: Remotes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")
    remote.commit(a="3")

    await remotes.state(REPOSITORY, remote.url)

    assert await run(sandboxes, sandbox, "git log --format=%s -1") == "two"


async def test_what_an_agent_had_git_throw_away_while_it_was_fetched_is_fetched_again(
    sandboxes: LocalSandboxes, remotes: Remotes, remote: Remote
) -> None:
    """`git gc --prune=now` looks which objects are in use, and removes the others when a branch has got some of them."""
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    newest = remote.commit(a="2")
    await remotes.state(REPOSITORY, remote.url)
    for commit in (newest, f"{newest}^{{tree}}"):
        name = remote.git("rev-parse", commit)
        (sandboxes.repositories.path(REPOSITORY) / "objects" / name[:2] / name[2:]).unlink()

    state = await remotes.state(REPOSITORY, remote.url)
    _, checkout = await prepare(sandboxes, remote, NewBranch("two"), TWO)

    assert [branch.sha for branch in state.branches] == [newest]
    assert checkout.base == newest


async def test_damage_on_this_host_is_not_blamed_on_the_remote(
    repositories: Repositories, remotes: Remotes, remote: Remote
) -> None:
    remote.commit(a="1")
    await remotes.state(REPOSITORY, remote.url)
    copy = repositories.path(REPOSITORY)
    for file in (copy / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"damaged")

    with pytest.raises(GitFailed, match=r"worker's own copy .* `git fsck` in") as failed:
        await remotes.state(REPOSITORY, remote.url)

    assert str(copy) in failed.value.detail
