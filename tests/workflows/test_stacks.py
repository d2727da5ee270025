"""Stacks of branches moved with real git: in the remote, in the repository here, in working trees."""

from pathlib import Path

import pytest

from commands.stack import Parent
from events.ids import TaskId
from events.job import BRANCH_REBASE, REPOSITORY_RESTACK
from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote, run
from workflows.local_sandbox import LocalSandboxes
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.sandbox import BranchInUse, ExistingBranch, NewBranch
from workflows.scratch import Conflicting
from workflows.stack_plan import Step, steps_of
from workflows.stacks import Restacked, Stacks, Steps

TASK = TaskId("task_1")


class Stacked:
    """main <- one <- two <- drei/ü in a remote; each branch adds a file of its name."""

    def __init__(self, remote: Remote, stacks: Stacks) -> None:
        self.remote = remote
        self.stacks = stacks
        remote.commit(base="1\n")
        self.parents: dict[str, Parent] = {}
        below = "main"
        for name, file in (("one", "one"), ("two", "two"), ("drei/ü", "d r ü")):
            self.parents[name] = Parent(name=below, base=remote.git("rev-parse", below))
            remote.git("checkout", "--quiet", "-b", name)
            remote.commit(**{file: "1\n"})
            below = name
        remote.git("checkout", "--quiet", "--detach")

    def on(self, branch: str, **files: str) -> str:
        """Somebody commits to a branch in the remote."""
        self.remote.git("checkout", "--quiet", branch)
        commit = self.remote.commit(**files)
        self.remote.git("checkout", "--quiet", "--detach")
        return commit

    def tip(self, branch: str) -> str:
        return self.remote.git("rev-parse", branch)

    def log(self, branch: str) -> int:
        """How many commits it is ahead of main."""
        return int(self.remote.git("rev-list", "--count", f"main..{branch}"))

    def steps(self, kind: str, branch: str | None = None) -> Steps:
        def steps(present: set[str], default: str | None) -> list[Step]:
            return steps_of(
                kind, parents=self.parents, present=present, default=default, branch=branch
            )

        return steps

    async def rebase(
        self, kind: str = REPOSITORY_RESTACK, branch: str | None = None
    ) -> list[Restacked]:
        return await self.stacks.rebase(
            REPOSITORY, remote_url=self.remote.url, steps=self.steps(kind, branch)
        )

    async def publish(self, moved: list[Restacked]) -> None:
        await self.stacks.publish(REPOSITORY, remote_url=self.remote.url, moved=moved)

    async def finish(self, moved: list[Restacked]) -> None:
        await self.publish(moved)
        await self.stacks.move(REPOSITORY, moved=moved)
        for one in moved:
            self.parents[one.branch] = Parent(name=one.parent, base=one.base)


async def nobody(task_id: TaskId) -> bool:
    return False


@pytest.fixture
def stack(remote: Remote, repositories: Repositories) -> Stacked:
    return Stacked(remote, Stacks(repositories, nobody))


async def check_out(stack: Stacked, sandboxes: LocalSandboxes, branch: str) -> Path:
    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    await sandboxes.prepare(sandbox, remote_url=stack.remote.url, branch=ExistingBranch(branch))
    return Path(sandbox.path)


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


async def head(sandboxes: LocalSandboxes) -> str:
    child = await sandboxes.start(
        sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY), ["git", "rev-parse", "HEAD"]
    )
    return (await child.stdout.read()).decode().strip()
