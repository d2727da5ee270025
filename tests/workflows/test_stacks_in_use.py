"""Stacks of which agents have branches checked out."""

import pytest

from events.ids import TaskId
from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote, run
from tests.workflows.stacked import TASK, Stacked, check_out, head, nobody
from workflows.local_sandbox import LocalSandboxes
from workflows.repositories import Repositories
from workflows.sandbox import BranchInUse, NewBranch
from workflows.stacks import Stacks


@pytest.fixture
def stack(remote: Remote, repositories: Repositories) -> Stacked:
    return Stacked(remote, Stacks(repositories, nobody))


async def test_a_working_tree_goes_along_when_nothing_is_uncommitted(
    stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    tree = await check_out(stack, sandboxes, "two")
    (tree / "untracked").write_text("mine")
    stack.on("main", news="1\n")

    await stack.finish(await stack.rebase())

    assert (tree / "news").read_text() == "1\n"
    assert (tree / "untracked").read_text() == "mine"
    assert await head(sandboxes) == stack.tip("two")


async def test_a_working_tree_with_changes_refuses_before_anything_moves(
    stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    tree = await check_out(stack, sandboxes, "two")
    (tree / "two").write_text("work")
    stack.on("main", news="1\n")
    before = stack.tip("one")

    with pytest.raises(Rejected) as refused:
        await stack.rebase()

    assert refused.value.code == "uncommitted_work"
    assert (stack.tip("one"), (tree / "two").read_text()) == (before, "work")


async def test_a_branch_an_agent_works_on_is_left_alone(
    stack: Stacked, sandboxes: LocalSandboxes, repositories: Repositories
) -> None:
    async def busy(task_id: TaskId) -> bool:
        return task_id == TASK

    await check_out(stack, sandboxes, "two")
    stack.on("main", news="1\n")
    stack.stacks = Stacks(repositories, busy)

    with pytest.raises(Rejected) as refused:
        await stack.rebase()

    assert refused.value.code == "turn_running"


async def test_a_branch_an_agent_has_in_a_further_working_tree_is_left_alone(
    stack: Stacked, sandboxes: LocalSandboxes, repositories: Repositories
) -> None:
    async def busy(task_id: TaskId) -> bool:
        return task_id == TASK

    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    new = NewBranch("work")
    await sandboxes.prepare(sandbox, remote_url=stack.remote.url, branch=new)
    await run(sandboxes, sandbox, "git worktree add --quiet in/deep origin/two -b two")
    stack.on("main", news="1\n")
    stack.stacks = Stacks(repositories, busy)

    with pytest.raises(Rejected, match=f"two \\({TASK}\\)"):
        await stack.rebase()


@pytest.mark.parametrize(
    "unfinished",
    [
        "git -c sequence.editor='sed -i s/^pick/edit/' rebase --quiet --interactive HEAD~1",
        "git -c sequence.editor='echo break >' rebase --quiet --interactive --update-refs HEAD~1",
        "git bisect start HEAD HEAD~2",
    ],
)
async def test_a_branch_that_a_rebase_or_a_bisect_goes_back_to_is_left_alone(
    unfinished: str, stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    """Moved under it, the rebase could not be ended, and a bisect would end at other commits."""
    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    await check_out(stack, sandboxes, "drei/ü")
    await run(sandboxes, sandbox, "git branch --quiet -f two origin/two")
    await run(sandboxes, sandbox, f"{unfinished} >said 2>&1; rm said")
    stack.on("main", news="1\n")

    with pytest.raises(BranchInUse, match=f"{TASK} is in the middle of a rebase or bisect"):
        await stack.rebase()


@pytest.mark.parametrize(
    "written",
    [
        f"echo {'x' * 300} >.git",
        r"printf 'gitdir: /a\\0b' >.git",
        "git init --quiet; git commit --quiet --allow-empty -m other",
    ],
    ids=["a name that no file has", "no text", "another repository"],
)
async def test_what_an_agent_puts_in_the_place_of_its_git_file_keeps_nobody_else_from_work(
    written: str, stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    await check_out(stack, sandboxes, "drei/ü")
    await run(sandboxes, sandbox, f"git checkout --quiet --detach; rm .git; {written}")
    newest = stack.on("main", news="1\n")

    await stack.finish(await stack.rebase())

    assert stack.remote.git("merge-base", "main", "drei/ü") == newest
