import asyncio
import os
import shutil
from pathlib import Path

import pytest

from events.ids import TaskId
from runtime.errors import Rejected, Unavailable
from tests.workflows.remote import ONE, REPOSITORY, TWO, Remote, prepare, run
from workflows.branches import Branches
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.processes import Processes
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.sandbox import (
    BranchExists,
    BranchInUse,
    Checkout,
    ExistingBranch,
    NewBranch,
    NoSuchBranch,
    RemoteUnavailable,
)
from workflows.sandbox_git import SandboxGit
from workflows.working_tree import EMPTY_TREE


async def test_a_new_branch_starts_at_the_tip_of_the_default_branch(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    tip = remote.commit(**{"src__größe.txt": "1"})

    sandbox, checkout = await prepare(sandboxes, remote, NewBranch("foundry/one"))

    assert checkout == Checkout(branch="foundry/one", base=tip)
    assert Path(sandbox.path, "src", "größe.txt").read_text() == "1"
    assert await run(sandboxes, sandbox, "git branch --show-current") == "foundry/one"
    assert await run(sandboxes, sandbox, "git status --short") == ""
    assert await run(sandboxes, sandbox, "git remote get-url origin") == remote.url


async def test_an_agent_can_commit_without_being_introduced(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))

    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")

    assert await run(sandboxes, sandbox, "git log --format=%an -1") == "Foundry agent"


async def test_what_the_remote_got_since_the_last_look_is_there(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    newer = remote.commit(a="2")

    _, checkout = await prepare(sandboxes, remote, NewBranch("two"), TWO)

    assert checkout.base == newer


async def test_preparing_again_finds_what_is_there_and_leaves_the_work_alone(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, first = await prepare(sandboxes, remote, NewBranch("one"))
    Path(sandbox.path, "a").write_text("work")
    remote.commit(a="2")

    assert await prepare(sandboxes, remote, NewBranch("one")) == (sandbox, first)
    assert Path(sandbox.path, "a").read_text() == "work"


@pytest.mark.parametrize("lost", ["note", "tree", "git", "both", "initializing"])
async def test_half_a_working_tree_of_a_crash_is_made_whole(
    sandboxes: LocalSandboxes, remote: Remote, lost: str
) -> None:
    remote.commit(a="1")
    sandbox, first = await prepare(sandboxes, remote, NewBranch("one"))
    tree = Path(sandbox.path)
    note = sandboxes.state_folder(ONE) / "note.json"
    if lost in ("note", "both"):
        note.write_text(note.read_text().replace('"complete":true', '"complete":false'))
    if lost in ("tree", "both"):
        shutil.rmtree(tree)
    if lost == "git":
        (tree / ".git").unlink()
    if lost == "initializing":
        # As a git that was killed while it made the tree leaves it.
        note.write_text(note.read_text().replace('"complete":true', '"complete":false'))
        kept = Path((tree / ".git").read_text().removeprefix("gitdir:").strip())
        (kept / "locked").write_text("initializing")

    _, again = await prepare(sandboxes, remote, NewBranch("one"))

    assert again == first
    assert await run(sandboxes, sandbox, "git status --short --branch") == "## one"
    assert await run(sandboxes, sandbox, "cat a") == "1"


async def test_a_branch_whose_tree_is_gone_can_be_worked_on_by_another_task(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    shutil.rmtree(sandbox.path)

    _, checkout = await prepare(sandboxes, remote, ExistingBranch("one"), task_id=TWO)

    assert checkout.branch == "one"


async def test_a_branch_stays_with_a_tree_that_lost_only_its_link_to_the_repository(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    Path(sandbox.path, ".git").unlink()

    with pytest.raises(BranchInUse):
        await prepare(sandboxes, remote, ExistingBranch("one"), task_id=TWO)

    assert Path(sandbox.path, "a").exists()


async def test_a_lost_working_tree_comes_back_with_its_commits(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    base = remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")
    shutil.rmtree(sandbox.path)

    _, checkout = await prepare(sandboxes, remote, NewBranch("one"))

    assert checkout.base == base
    assert Path(sandbox.path, "a").read_text() == "2\n"


async def test_work_can_begin_in_a_repository_without_a_commit(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    sandbox, checkout = await prepare(sandboxes, remote, NewBranch("first"))

    assert checkout == Checkout(branch="first", base=EMPTY_TREE)
    assert await prepare(sandboxes, remote, NewBranch("first")) == (sandbox, checkout)
    with pytest.raises(BranchExists):
        await prepare(sandboxes, remote, NewBranch("first"), TWO)
    with pytest.raises(NoSuchBranch):
        await prepare(sandboxes, remote, ExistingBranch("main"), TWO)

    Path(sandbox.path, "new").write_text("1\n")
    captured = await sandboxes.capture(sandbox, base=checkout.base)
    assert captured is not None
    assert [file.path for file in captured.files] == ["new"]
    await run(sandboxes, sandbox, "git add new && git commit --quiet -m first")
    assert await run(sandboxes, sandbox, "git log --format=%s") == "first"


async def test_many_tasks_of_one_repository_are_prepared_at_once(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    tip = remote.commit(a="1")
    names = [f"task_{number}" for number in range(12)]

    made = await asyncio.gather(
        *(prepare(sandboxes, remote, NewBranch(f"b/{name}"), TaskId(name)) for name in names)
    )

    assert [checkout.base for _, checkout in made] == [tip] * 12


async def test_two_processes_on_one_data_folder_take_turns(
    sandboxes: LocalSandboxes, git: Git, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    other = Repositories(git, tmp_path / "data" / "repositories", local_root=tmp_path)

    async with other.alone(REPOSITORY):
        waiting = asyncio.create_task(prepare(sandboxes, remote, NewBranch("one")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), timeout=0.2)

    async with asyncio.timeout(20):
        await waiting


async def test_locks_of_a_life_that_was_killed_are_in_nobodys_way(
    sandboxes: LocalSandboxes,
    git: Git,
    processes: Processes,
    remote: Remote,
    tmp_path: Path,
) -> None:
    remote.commit(a="1")
    sandbox, checkout = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "git pack-refs --all")
    repository = tmp_path / "data" / "repositories" / REPOSITORY
    for name in (
        "worktrees/task_1/index.lock",
        "worktrees/task_1/HEAD.lock",
        "packed-refs.lock",
        "packed-refs.new",
        "refs/heads/one.lock",
    ):
        (repository / name).touch()
    repositories = Repositories(git, repository.parent, local_root=tmp_path)
    born_again = LocalSandboxes(
        data=tmp_path / "data", git=git, repositories=repositories, processes=processes
    )
    (Path(sandbox.path) / "b").write_text("1")

    assert await SandboxGit(born_again, sandbox).commit_all(branch="one", message="work")
    pushed = await Branches(repositories, born_again).push(
        REPOSITORY, remote_url=remote.url, branch="one", base=checkout.base
    )

    await born_again.release(ONE, branch="delete")

    assert remote.git("rev-parse", "one") == pushed
    assert list(repository.rglob("*.lock")) == []


async def test_a_lock_that_keeps_git_from_its_work_is_named(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, 'touch b "$(git rev-parse --git-dir)/index.lock"')

    with pytest.raises(Unavailable, match=r"index\.lock': File exists"):
        await SandboxGit(sandboxes, sandbox).commit_all(branch="one", message="work")


async def test_a_working_tree_without_its_repository_is_not_taken_for_part_of_one_around_it(
    sandboxes: LocalSandboxes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, f"rm .git && git init --quiet {tmp_path}")

    with pytest.raises(Unavailable, match="not a git repository"):
        await SandboxGit(sandboxes, sandbox).has_uncommitted()


async def test_a_sandbox_that_is_gone_is_no_place_to_run_anything(
    sandboxes: LocalSandboxes,
) -> None:
    sandbox = sandboxes.allocate(task_id=ONE, repository_id=REPOSITORY)

    with pytest.raises(Rejected, match="not there"):
        await sandboxes.start(sandbox, ["true"])
    with pytest.raises(Rejected, match="not there"):
        await sandboxes.capture(sandbox, base=EMPTY_TREE)


async def test_a_remote_that_disappeared_is_told_in_a_sentence(
    sandboxes: LocalSandboxes, remotes: Remotes, remote: Remote
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    shutil.rmtree(remote.path)

    with pytest.raises(RemoteUnavailable, match="cannot be read"):
        await prepare(sandboxes, remote, NewBranch("two"), TWO)
    with pytest.raises(RemoteUnavailable):
        await remotes.state(REPOSITORY, remote.url)


async def test_what_a_fetch_that_did_not_end_had_written_does_not_fill_the_disk(
    remotes: Remotes, repositories: Repositories, remote: Remote
) -> None:
    """Git leaves it: half a clone for each attempt, where a line is too slow for the whole."""
    for number in range(150):
        (remote.path / str(number)).write_bytes(os.urandom(4_000))
    remote.commit()
    remote.git("gc", "--quiet")
    [pack] = remote.path.glob(".git/objects/pack/*.pack")
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[len(content) * 9 // 10] ^= 0xFF
    pack.write_bytes(content)

    with pytest.raises(RemoteUnavailable):
        await remotes.state(REPOSITORY, remote.url)

    left = repositories.path(REPOSITORY).glob("objects/**/*")
    assert sum(file.stat().st_size for file in left if file.is_file()) < 100_000


async def test_filters_an_agent_installed_do_not_run_for_the_next_task(
    sandboxes: LocalSandboxes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(**{".gitattributes": "* filter=evil", "a": "1"})
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, f"git config filter.evil.smudge 'touch {tmp_path}/ran; cat'")

    other, _ = await prepare(sandboxes, remote, NewBranch("two"), TWO)

    assert not (tmp_path / "ran").exists()
    assert Path(other.path, "a").read_text() == "1"
