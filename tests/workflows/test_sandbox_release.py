"""What is left of a sandbox when it is released, in whatever state it is."""

import stat
from pathlib import Path
from typing import Literal

import pytest

from tests.process_tree import gone
from tests.workflows.remote import ONE, REPOSITORY, TWO, Remote, prepare, run
from workflows.local_sandbox import LocalSandboxes
from workflows.repositories import Repositories
from workflows.sandbox import ExistingBranch, NewBranch, Work


async def test_releasing_ends_what_runs_and_keeps_the_branch(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")
    child = await sandboxes.start(sandbox, ["sh", "-c", "echo $$; exec sleep 1000"])
    pid = int(await child.stdout.readline())

    await sandboxes.release(ONE, branch="keep")
    await sandboxes.release(ONE, branch="keep")

    assert await gone(pid)
    assert not Path(sandbox.path).exists()
    assert await sandboxes.orphans([]) == []
    again, _ = await prepare(sandboxes, remote, ExistingBranch("one"), TWO)
    assert Path(again.path, "a").read_text() == "2\n"


async def test_killing_deletes_the_branch_whatever_the_agent_did_to_the_tree(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "mkdir -p cache/deep && touch cache/deep/x && chmod -R a-w cache")
    await run(sandboxes, sandbox, "git worktree lock .")

    await sandboxes.release(ONE, branch="delete")

    async with repositories.alone(REPOSITORY) as repository:
        assert await repository.tips("refs/heads/") == {}
        assert await repository.tips("refs/foundry/") == {}
        assert await repository.checked_out() == {}
    await prepare(sandboxes, remote, NewBranch("one"))


@pytest.mark.parametrize(
    "written", [b"", b"{}", b'{"base":"\xff"}', b'{"other":' + b"[" * 100_000], ids=range(4)
)
async def test_a_sandbox_whose_note_was_overwritten_can_be_released(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote, written: bytes
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    (sandboxes.state_folder(ONE) / "note.json").write_bytes(written)

    await sandboxes.release(ONE, branch="keep")

    assert await sandboxes.orphans([]) == []
    async with repositories.alone(REPOSITORY) as repository:
        assert await repository.checked_out() == {}


async def test_a_killed_sandbox_without_a_note_leaves_no_branch_if_the_history_knows_it(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    await prepare(sandboxes, remote, NewBranch("two"), TWO)
    (sandboxes.state_folder(ONE) / "note.json").unlink()
    work = Work(repository_id=REPOSITORY, branch="one")

    await sandboxes.release(ONE, branch="delete", work=work)

    async with repositories.alone(REPOSITORY) as repository:
        assert set(await repository.tips("refs/heads/")) == {"two"}
        assert set(await repository.tips("refs/foundry/base/")) == {TWO}
    # Somebody else's by the time it is asked for again, as after a crash.
    await sandboxes.release(TWO, branch="keep")
    await prepare(sandboxes, remote, NewBranch("one"), TWO)
    await sandboxes.release(TWO, branch="keep")
    await sandboxes.release(ONE, branch="delete", work=work)
    async with repositories.alone(REPOSITORY) as repository:
        assert set(await repository.tips("refs/heads/")) == {"one", "two"}


async def test_a_sandbox_that_has_the_note_of_another_takes_nothing_of_that_along(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    other, _ = await prepare(sandboxes, remote, NewBranch("two"), TWO)
    note = (sandboxes.state_folder(TWO) / "note.json").read_bytes()
    (sandboxes.state_folder(ONE) / "note.json").write_bytes(note)

    await sandboxes.release(ONE, branch="delete")

    assert await sandboxes.orphans([]) == [TWO]
    assert await run(sandboxes, other, "git branch --show-current") == "two"


async def test_a_note_that_names_a_place_elsewhere_as_its_repository_is_not_believed(
    sandboxes: LocalSandboxes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    note = sandboxes.state_folder(ONE) / "note.json"
    note.write_bytes(note.read_bytes().replace(b'"repo_1"', b'"../../elsewhere"'))

    await sandboxes.release(ONE, branch="keep")

    assert await sandboxes.orphans([]) == []
    assert not list(tmp_path.glob("elsewhere*"))


async def test_what_nobody_knows_is_listed_and_can_be_released(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    await prepare(sandboxes, remote, NewBranch("one"))
    await prepare(sandboxes, remote, NewBranch("two"), TWO)

    assert await sandboxes.orphans([ONE]) == [TWO]
    await sandboxes.release(TWO, branch="keep")
    assert await sandboxes.orphans([ONE]) == []


async def test_what_an_agent_made_beside_its_working_tree_is_no_sandbox_to_remove(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "git worktree add --quiet ../beside")

    assert await sandboxes.orphans([ONE]) == []


@pytest.mark.parametrize("branch", ["keep", "delete"])
async def test_working_trees_an_agent_made_in_its_own_or_its_home_hold_no_branch(
    sandboxes: LocalSandboxes, remote: Remote, branch: Literal["keep", "delete"]
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    made = "git worktree add --quiet deep/in; git worktree lock deep/in; git worktree add --quiet $HOME/home"
    await run(sandboxes, sandbox, made)

    await sandboxes.release(ONE, branch=branch)

    for name in ("in", "home"):
        await prepare(sandboxes, remote, ExistingBranch(name), TWO)
        await sandboxes.release(TWO, branch="keep")


async def test_a_killed_sandbox_leaves_what_another_task_did_on_its_branch(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    left, _ = await prepare(sandboxes, remote, NewBranch("one"))
    own = "echo 2 >a && git commit --quiet --all -m own && git checkout --quiet -b elsewhere"
    await run(sandboxes, left, own)
    other, _ = await prepare(sandboxes, remote, ExistingBranch("one"), TWO)
    await run(sandboxes, other, "echo 3 >a && git commit --quiet --all -m others")
    await sandboxes.release(TWO, branch="keep")

    await sandboxes.release(ONE, branch="delete")

    again, _ = await prepare(sandboxes, remote, ExistingBranch("one"), TWO)
    assert Path(again.path, "a").read_text() == "3\n"


async def test_a_killed_sandbox_takes_its_branch_along_though_it_is_on_another(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote
) -> None:
    remote.commit(a="1")
    left, _ = await prepare(sandboxes, remote, NewBranch("one"))
    own = "echo 2 >a && git commit --quiet --all -m own && git checkout --quiet -b elsewhere"
    await run(sandboxes, left, own)

    await sandboxes.release(ONE, branch="delete")

    async with repositories.alone(REPOSITORY) as repository:
        assert set(await repository.tips("refs/heads/")) == {"elsewhere"}


async def test_a_crash_while_removing_leaves_trash_that_is_emptied(
    sandboxes: LocalSandboxes, tmp_path: Path
) -> None:
    left = tmp_path / "data" / "trash" / "left"
    (left / "locked").mkdir(parents=True)
    (left / "locked" / "file").touch()
    (left / "locked").chmod(stat.S_IRUSR)

    await sandboxes.tidy()

    assert not left.exists()
