"""Stacks of branches: which is stacked on which, and which commands they take."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from commands.command import ForRepository
from commands.fields import Line
from commands.refusals import check_branch, wrong
from events.job import BRANCH_REBASE, BRANCH_REPARENT, REPOSITORY_RESTACK, SUBTREE_RESTACK
from runtime.errors import Rejected

KINDS = {
    "restack_repo": REPOSITORY_RESTACK,
    "restack_subtree": SUBTREE_RESTACK,
    "rebase_branch": BRANCH_REBASE,
    "reparent_branch": BRANCH_REPARENT,
}
"""The kind of job each action asks for; `sync_repo` is the ordinary look at the remote."""

TAKES = {
    "sync_repo": (),
    "restack_repo": (),
    "restack_subtree": ("branch",),
    "rebase_branch": ("branch",),
    "reparent_branch": ("branch", "parent"),
}
"""The fields an action needs; it takes no others."""


class ActOnRepository(ForRepository, frozen=True, kw_only=True):
    action: Literal[
        "sync_repo", "restack_repo", "restack_subtree", "rebase_branch", "reparent_branch"
    ]
    branch: Line | None = None
    parent: Line | None = None


class Parent(Struct, frozen=True, kw_only=True):
    """What a branch is stacked on, and the commit of it where the branch begins."""

    name: str
    base: str


def check_act(parents: Mapping[str, Parent], command: ActOnRepository) -> None:
    """Raises `Invalid` for fields that do not go with the action, `Rejected` for a circle of branches."""
    for name, value in (("branch", command.branch), ("parent", command.parent)):
        wanted = name in TAKES[command.action]
        if wanted and value is None:
            raise wrong(f"/{name}", f"{command.action} needs a {name}.")
        if not wanted and value is not None:
            raise wrong(f"/{name}", f"{command.action} takes no {name}.")
        check_branch(f"/{name}", value)
    if command.parent is not None and command.branch in (
        command.parent,
        *above(parents, command.parent),
    ):
        raise Rejected(
            f"{command.parent} is {command.branch} or stacked on it; a stack cannot go in a circle. "
            "Choose another parent.",
            code="stack_circle",
        )


def above(parents: Mapping[str, Parent], branch: str) -> list[str]:
    """The branches a branch is stacked on, its parent first; each once, whatever was recorded."""
    found: list[str] = []
    parent = parents.get(branch)
    while parent is not None and parent.name not in found:
        found.append(parent.name)
        parent = parents.get(parent.name)
    return found


def work_key(kind: str, branch: str | None, parent: str | None) -> str:
    """What a job of a repository does, as text: of jobs with one key only one is open, others may run beside it."""
    return "\t".join(filter(None, (kind, branch, parent)))
