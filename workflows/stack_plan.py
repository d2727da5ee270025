"""Which branches an action moves, and onto what: decided from the recorded parents alone."""

from collections.abc import Collection, Mapping

from msgspec import Struct

from commands.stack import Parent, above
from events.job import BRANCH_REBASE, BRANCH_REPARENT, REPOSITORY_RESTACK
from workflows.sandbox import NoSuchBranch


class Step(Struct, frozen=True, kw_only=True):
    """`branch` is to begin at the tip of `parent`. `base` is where it begins now, None if nobody wrote that down."""

    branch: str
    parent: str
    base: str | None


def steps_of(
    kind: str,
    *,
    parents: Mapping[str, Parent],
    present: Collection[str],
    default: str | None,
    branch: str | None = None,
    parent: str | None = None,
) -> list[Step]:
    """The steps of a job, each branch after the one it is stacked on; pure.

    A parent that is gone (merged and deleted) gives way to the next one below it, at last to the
    default branch. Raises `NoSuchBranch` for a branch that was named and is not there.
    """
    for named in filter(None, (branch, parent)):
        if named not in present:
            raise NoSuchBranch(f"There is no branch {named}, neither in the remote nor here.")
    stacked = dict(parents)
    if branch is not None and kind == BRANCH_REPARENT and parent is not None:
        before = parents.get(branch)
        stacked[branch] = Parent(name=parent, base=before.base if before else "")
    if branch is not None and kind == BRANCH_REBASE:
        before = parents.get(branch)
        if before is None and default is not None:
            stacked[branch] = Parent(name=default, base="")
    if kind == REPOSITORY_RESTACK:
        wanted = set(stacked)
    elif kind == BRANCH_REBASE:
        wanted = {branch} if branch in stacked else set()
    else:
        wanted = {one for one in stacked if branch in (one, *above(stacked, one))}
    # Fewer branches below come first, so nobody is moved before what it stands on.
    ordered = sorted(wanted & set(present), key=lambda one: (len(above(stacked, one)), one))
    steps = []
    for one in ordered:
        below = [name for name in above(stacked, one) if name in present and name != one]
        onto = below[0] if below else default
        if onto is not None and onto != one:
            steps.append(Step(branch=one, parent=onto, base=stacked[one].base or None))
    return steps
