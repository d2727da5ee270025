"""Work on a branch that is there already, here or at the remote, and names that are taken."""

from pathlib import Path

import pytest

from events.ids import TaskId
from runtime.errors import Invalid
from tests.workflows.remote import ONE, TWO, Remote, prepare, run
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import (
    BranchExists,
    BranchInUse,
    Checkout,
    ExistingBranch,
    NewBranch,
    NoSuchBranch,
)


@pytest.mark.parametrize("name", ["taken", "main", "taken/below", "ma"])
async def test_a_name_that_is_taken_or_in_the_way_is_refused(
    sandboxes: LocalSandboxes, remote: Remote, name: str
) -> None:
    remote.commit(a="1")
    remote.git("branch", "ma/in")
    await prepare(sandboxes, remote, NewBranch("taken"))

    with pytest.raises(BranchExists):
        await prepare(sandboxes, remote, NewBranch(name), TWO)


async def test_a_remote_branch_is_worked_on_and_compared_with_where_it_left_the_default(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    base = remote.commit(a="1")
    remote.git("checkout", "--quiet", "-b", "feature")
    remote.commit(b="1")
    remote.git("checkout", "--quiet", "main")
    remote.commit(a="2")

    sandbox, checkout = await prepare(sandboxes, remote, ExistingBranch("feature"))

    assert checkout == Checkout(branch="feature", base=base)
    assert sorted(path.name for path in Path(sandbox.path).iterdir()) == [".git", "a", "b"]


async def test_a_branch_left_by_an_archived_task_is_taken_up_with_what_the_remote_added(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "echo 2 >a && git commit --quiet --all -m two")
    await run(sandboxes, sandbox, "git push --quiet origin one 2>/dev/null")
    await sandboxes.release(ONE, branch="keep")
    remote.git("checkout", "--quiet", "one")
    remote.commit(a="3")

    again, _ = await prepare(sandboxes, remote, ExistingBranch("one"), TWO)

    assert Path(again.path, "a").read_text() == "3"


async def test_a_branch_the_remote_rewrote_is_taken_up_as_it_is_there_unless_there_is_work_of_its_own(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    """Who reviews a branch a second time, after its author rewrote it, is to see what the author means."""
    remote.commit(a="1")
    for name in ("reviewed", "continued"):
        remote.git("checkout", "--quiet", "-b", name, "main")
        remote.commit(a="first")
    await prepare(sandboxes, remote, ExistingBranch("reviewed"))
    continued, _ = await prepare(sandboxes, remote, ExistingBranch("continued"), TWO)
    await run(sandboxes, continued, "echo own >b && git add b && git commit --quiet -m own")
    for task in (ONE, TWO):
        await sandboxes.release(task, branch="keep")
    for name in ("reviewed", "continued"):
        remote.git("checkout", "--quiet", "-B", name, "main")
        remote.commit(a="rewritten")

    reviewed, _ = await prepare(sandboxes, remote, ExistingBranch("reviewed"))
    continued, _ = await prepare(sandboxes, remote, ExistingBranch("continued"), TWO)

    assert Path(reviewed.path, "a").read_text() == "rewritten"
    assert Path(continued.path, "a").read_text() == "first"
    assert Path(continued.path, "b").read_text() == "own\n"


async def test_a_branch_somebody_works_on_and_one_that_is_nowhere_are_told_apart(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    sandbox, _ = await prepare(sandboxes, remote, NewBranch("one"))
    await run(sandboxes, sandbox, "git worktree add --quiet ../beside")
    remote.git("branch", "one/above")

    with pytest.raises(BranchExists, match="beside one"):
        await prepare(sandboxes, remote, ExistingBranch("one/above"), TWO)
    with pytest.raises(BranchInUse, match="task_1"):
        await prepare(sandboxes, remote, ExistingBranch("one"), TWO)
    with pytest.raises(BranchInUse, match="sandboxes/beside, beside its task"):
        await prepare(sandboxes, remote, ExistingBranch("beside"), TWO)
    with pytest.raises(NoSuchBranch):
        await prepare(sandboxes, remote, ExistingBranch("nowhere"), TWO)
    with pytest.raises(Invalid):
        await prepare(sandboxes, remote, NewBranch("-x"), TWO)


async def test_a_branch_that_somebody_rebases_or_bisects_is_worked_on(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1")
    remote.commit(a="2")
    for task, name, begun in (
        (ONE, "rebased", "git -c sequence.editor='echo break >' rebase --interactive HEAD~1"),
        (TWO, "bisected", "git bisect start HEAD HEAD~1"),
    ):
        sandbox, _ = await prepare(sandboxes, remote, NewBranch(name), task)
        await run(sandboxes, sandbox, f"{begun} >said 2>&1")

    for task, name in ((ONE, "rebased"), (TWO, "bisected")):
        with pytest.raises(BranchInUse, match=f"{task} works on the branch {name}"):
            await prepare(sandboxes, remote, ExistingBranch(name), TaskId("task_3"))
