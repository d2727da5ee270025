"""Stacks of branches moved with real git: in the remote, in the repository here, in working trees."""

import pytest

from events.job import BRANCH_REBASE
from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote, run
from tests.workflows.stacked import TASK, Stacked, check_out, head, nobody
from workflows.local_sandbox import LocalSandboxes
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.scratch import Conflicting
from workflows.stacks import Stacks


@pytest.fixture
def stack(remote: Remote, repositories: Repositories) -> Stacked:
    return Stacked(remote, Stacks(repositories, nobody))


async def test_a_stack_follows_the_branch_it_stands_on(stack: Stacked) -> None:
    newest = stack.on("main", news="1\n")

    await stack.finish(await stack.rebase())

    assert stack.remote.git("merge-base", "main", "drei/ü") == newest
    assert [stack.log(name) for name in ("one", "two", "drei/ü")] == [1, 2, 3]
    assert stack.remote.git("merge-base", "two", "drei/ü") == stack.tip("two")


async def test_a_branch_whose_parent_was_rewritten_keeps_its_own_commits_only(
    stack: Stacked,
) -> None:
    stack.remote.git("checkout", "--quiet", "one")
    stack.remote.git("commit", "--quiet", "--amend", "-m", "rewritten")
    stack.remote.git("checkout", "--quiet", "--detach")

    await stack.finish(await stack.rebase())

    assert [stack.log(name) for name in ("one", "two", "drei/ü")] == [1, 2, 3]
    assert stack.remote.git("log", "--format=%s", "main..two") == "change\nrewritten"


async def test_what_stands_right_already_is_not_moved(stack: Stacked) -> None:
    before = [stack.tip(name) for name in stack.parents]

    moved = await stack.rebase()
    await stack.finish(moved)

    assert [one.new for one in moved] == before == [stack.tip(name) for name in stack.parents]


async def test_a_conflict_names_the_files_and_moves_no_branch(stack: Stacked) -> None:
    stack.on("main", **{"d r ü": "theirs\n", "news": "1\n"})
    before = [stack.tip(name) for name in stack.parents]

    with pytest.raises(Conflicting, match="drei/ü cannot be rebased onto two: conflicts in d r ü"):
        await stack.rebase()

    assert [stack.tip(name) for name in stack.parents] == before


async def test_one_branch_is_rebased_and_those_above_it_find_it_later(stack: Stacked) -> None:
    stack.on("main", news="1\n")
    two = stack.tip("two")

    await stack.finish(await stack.rebase(BRANCH_REBASE, "one"))
    assert stack.tip("two") == two
    await stack.finish(await stack.rebase())

    assert [stack.log(name) for name in ("one", "two", "drei/ü")] == [1, 2, 3]


async def test_commits_made_meanwhile_that_were_rebased_as_told_are_no_obstacle_any_more(
    stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    await check_out(stack, sandboxes, "two")
    stack.on("main", news="1\n")
    moved = await stack.rebase()
    await stack.publish(moved)
    await run(sandboxes, sandbox, "echo 1 >mine; git add .; git commit --quiet -m mine")

    with pytest.raises(Rejected) as refused:
        await stack.stacks.move(REPOSITORY, moved=moved)
    [two] = [one for one in moved if one.branch == "two"]
    await run(sandboxes, sandbox, f"git rebase --quiet --onto {two.new} HEAD~1")
    await stack.stacks.move(REPOSITORY, moved=moved)

    assert refused.value.code == "branch_moved"
    assert (
        await run(sandboxes, sandbox, "git log -1 --format=%s; ls mine news") == "mine\nmine\nnews"
    )


async def test_what_somebody_pushed_meanwhile_is_not_overwritten(stack: Stacked) -> None:
    stack.on("main", news="1\n")
    moved = await stack.rebase()
    theirs = stack.on("two", theirs="1\n")
    one = stack.tip("one")

    with pytest.raises(Rejected) as refused:
        await stack.publish(moved)

    assert refused.value.code == "remote_moved"
    assert (stack.tip("one"), stack.tip("two")) == (one, theirs)


async def test_each_step_may_be_done_again_after_a_crash(
    stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    await check_out(stack, sandboxes, "two")
    stack.on("main", news="1\n")

    moved = await stack.rebase()
    for _ in range(2):
        await stack.publish(moved)
    for _ in range(2):
        await stack.stacks.move(REPOSITORY, moved=moved)

    assert await head(sandboxes) == stack.tip("two")


async def test_ways_that_parted_are_left_to_a_person(
    stack: Stacked, sandboxes: LocalSandboxes
) -> None:
    tree = await check_out(stack, sandboxes, "two")
    child = await sandboxes.start(
        sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY),
        ["sh", "-c", "echo 2 >two && git commit --quiet --all -m mine"],
    )
    assert await child.wait() == 0
    stack.on("two", theirs="1\n")
    stack.on("main", news="1\n")

    with pytest.raises(Rejected) as refused:
        await stack.rebase()

    assert refused.value.code == "branch_diverged"
    assert (tree / "two").read_text() == "2\n"


async def test_a_sync_says_which_branches_conflict_with_the_default(
    stack: Stacked, remotes: Remotes
) -> None:
    stack.on("main", two="theirs\n")

    state = await remotes.state(REPOSITORY, stack.remote.url)

    conflicts = {branch.name: branch.conflicts for branch in state.branches}
    assert conflicts == {"main": False, "one": False, "two": True, "drei/ü": True}
