"""The branches of tasks: pushed, merged, renamed. Everything may be asked for twice."""

from pathlib import Path

from events.ids import RepositoryId
from runtime.errors import Rejected, Unavailable
from workflows.git_sandboxes import GitSandboxes
from workflows.remote_heads import RemoteHeads
from workflows.repositories import Repositories
from workflows.repository import Repository
from workflows.sandbox import BranchExists, Sandbox
from workflows.scratch import Conflicting, Move, PushRefused
from workflows.working_tree import clash, clash_sentence


class Branches:
    """`repositories` are those of this host: from them is pushed. The branches of local sandboxes are in them."""

    def __init__(self, repositories: Repositories, sandboxes: GitSandboxes) -> None:
        self._repositories = repositories
        self._sandboxes = sandboxes

    async def push(
        self, repository_id: RepositoryId, *, remote_url: str, branch: str, base: str
    ) -> str:
        """Move the remote's branch to the tip of this one; gives the tip. The remote's commits are never lost.

        Raises `Rejected` when there is nothing to push or the remote has more, `PushRefused`,
        `RemoteUnavailable`.
        """
        async with self._repositories.fresh(repository_id, remote_url) as (repository, heads):
            there = heads.tips.get(branch)
            tip = await self._tip(repository, repository_id, branch, base)
            if tip is None or (there is None and tip == base):
                raise Rejected(
                    f"Nothing was committed on {branch}, so there is nothing to push.",
                    code="nothing_to_push",
                )
            if there == tip:
                return tip
            if there is not None and not await repository.contains(tip, there):
                raise Rejected(
                    f"The remote's {branch} has commits that this one does not have. Fetch and merge them in the sandbox, then push again.",
                    code="not_fast_forward",
                )
            await repository.push(remote_url, Move(branch=branch, old=there, new=tip))
            return tip

    async def merge(
        self, repository_id: RepositoryId, *, remote_url: str, branch: str, base: str, title: str
    ) -> str:
        """Merge into the remote's default branch; the commit that it has now.

        Raises `Conflicting`, `Rejected` when there is nothing to merge or in common, `PushRefused`,
        `RemoteUnavailable`, and `Unavailable` when the default branch moved meanwhile.
        """
        async with self._repositories.fresh(repository_id, remote_url) as (repository, heads):
            into = heads.default_branch
            if into is None:
                raise Rejected(
                    "The remote has no commit yet, so there is nothing to merge into; push the branch instead.",
                    code="nothing_to_merge",
                )
            if into == branch:
                raise Rejected(
                    f"The task works on {into} itself; push it instead.", code="nothing_to_merge"
                )
            target = heads.tips[into]
            tip = await self._tip(repository, repository_id, branch, base)
            if tip is None or tip == base:
                raise Rejected(
                    f"Nothing was committed on {branch}, so there is nothing to merge.",
                    code="nothing_to_merge",
                )
            common = await repository.merge_base(target, tip)
            if common == tip:
                return target
            if common is None:
                raise Rejected(
                    f"{branch} and the remote's {into} have no commit in common; was that rewritten? Fetch and rebase the"
                    " work onto it in the sandbox, then merge again.",
                    code="unrelated",
                )
            merged = await self._merged(repository, into, target, branch, tip, title)
            await self._publish(repository, remote_url, Move(branch=into, old=target, new=merged))
            return merged

    async def rename(self, sandbox: Sandbox, *, remote_url: str, old: str, new: str) -> None:
        """Give the sandbox's branch another name; the remote's keeps the one it was pushed under.

        Raises `BranchExists`, and `Rejected` when the working tree is on another branch.
        """
        repositories = self._sandboxes.repositories
        async with repositories.fresh(sandbox.repository_id, remote_url) as found:
            repository, heads = found
            trees = await repository.checked_out()
            ours = [name for name, tree in trees.items() if tree == Path(sandbox.path)]
            if new not in ours:
                if old not in ours:
                    raise Rejected(f"The sandbox is not on {old} any more.", code="branch_left")
                await self._rename(repository, heads, sandbox, old, new)
            await self._sandboxes.note_branch(sandbox.task_id, new)

    async def _merged(
        self, repository: Repository, into: str, target: str, branch: str, tip: str, title: str
    ) -> str:
        scratch = repository.apart()
        tree, conflicts = await scratch.merged_tree(target, tip)
        if conflicts:
            raise Conflicting(f"{branch} cannot be merged into {into}: conflicts", conflicts)
        return await scratch.commit(
            tree, target, tip, message=f"Merge branch '{branch}'\n\n{title}\n"
        )

    async def _publish(self, repository: Repository, remote_url: str, move: Move) -> None:
        try:
            await repository.push(remote_url, move)
        except PushRefused:
            heads = await repository.fetch(remote_url)
            if heads.tips.get(move.branch) == move.old:
                raise
            raise Unavailable(
                f"Somebody else pushed to {move.branch} meanwhile; nothing was changed. Ask for it again.",
                code="remote_moved",
            ) from None

    async def _rename(
        self, repository: Repository, heads: RemoteHeads, sandbox: Sandbox, old: str, new: str
    ) -> None:
        local = await repository.tips("refs/heads/")
        taken = {*local, *heads.tips, *await repository.checked_out()} - {old}
        if (other := clash(new, taken)) is not None:
            raise BranchExists(clash_sentence(new, other))
        if old in local:
            await repository.run("branch", "-m", "--", old, new)
        else:
            # Without a commit yet the branch is only the name that the first one will get.
            await repository.run_in(Path(sandbox.path), "symbolic-ref", "HEAD", f"refs/heads/{new}")

    async def _tip(
        self, repository: Repository, repository_id: RepositoryId, branch: str, base: str
    ) -> str | None:
        """The branch's newest commit, with all before it in this host's repository."""
        return (await repository.tips(f"refs/heads/{branch}")).get("")
