"""References to commits that are not there, which nobody can work with: an agent's git may have thrown these away."""

from collections.abc import Awaitable
from typing import Protocol

from workflows.git import Finished


class Runs(Protocol):
    def __call__(self, *args: str, stdin: bytes = b"") -> Awaitable[Finished]:
        """Run git in a repository."""


async def forget_what_is_missing(run: Runs, below: str) -> None:
    """Forget the references below a prefix whose commits are not in the repository. Raises `GitFailed`."""
    listed = await run("for-each-ref", "--format=%(objectname) %(refname)", below)
    lines = [line.partition(b" ")[::2] for line in listed.output.split(b"\n") if line]
    asked = b"".join(commit + b"\n" for commit, _ in lines)
    looked = await run("cat-file", "--batch-check", stdin=asked)
    told = [line.partition(b" ")[::2] for line in looked.output.split(b"\n")]
    missing = {commit for commit, what in told if what == b"missing"}
    orders = (b"delete %b\0\0" % name for commit, name in lines if commit in missing)
    await run("update-ref", "--no-deref", "-z", "--stdin", stdin=b"".join(orders))
