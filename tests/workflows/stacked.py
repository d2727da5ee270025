"""A stack of branches in a remote, and what is checked out of it here."""

from pathlib import Path

from commands.stack import Parent
from events.ids import TaskId
from events.job import REPOSITORY_RESTACK
from tests.workflows.remote import REPOSITORY, Remote
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import ExistingBranch
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


async def check_out(stack: Stacked, sandboxes: LocalSandboxes, branch: str) -> Path:
    sandbox = sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY)
    await sandboxes.prepare(sandbox, remote_url=stack.remote.url, branch=ExistingBranch(branch))
    return Path(sandbox.path)


async def head(sandboxes: LocalSandboxes) -> str:
    child = await sandboxes.start(
        sandboxes.allocate(task_id=TASK, repository_id=REPOSITORY), ["git", "rev-parse", "HEAD"]
    )
    return (await child.stdout.read()).decode().strip()
