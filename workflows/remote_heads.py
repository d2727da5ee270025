"""What a remote has, as `git ls-remote --symref` lists it; pure."""

from dataclasses import dataclass

from runtime.errors import Rejected

SHA1_LENGTH = 40

_BRANCH = "refs/heads/"


@dataclass(frozen=True)
class RemoteHeads:
    """What a remote has: the tip of each branch whose name is text, and the branch new work starts from."""

    tips: dict[str, str]
    default_branch: str | None


def heads_listed(listed: str) -> RemoteHeads:
    """Understand the list of `HEAD` and the branches. Raises `Rejected` (`remote_unsupported`)."""
    tips: dict[str, str] = {}
    head: str | None = None
    pointed_at: str | None = None
    for line in listed.split("\n"):
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: "):
            pointed_at = value.removeprefix(f"ref: {_BRANCH}")
        elif name == "HEAD":
            head = value
        elif name.startswith(_BRANCH) and is_text(name):
            tips[name.removeprefix(_BRANCH)] = value
    if any(len(tip) != SHA1_LENGTH for tip in tips.values()):
        raise Rejected(
            "The remote names its commits with SHA-256, which cannot be worked with here; add one that has SHA-1.",
            code="remote_unsupported",
        )
    return RemoteHeads(tips, default_branch(tips, pointed_at=pointed_at, head=head))


def default_branch(tips: dict[str, str], *, pointed_at: str | None, head: str | None) -> str | None:
    """The branch the remote's HEAD means; where it means none, the one people usually mean."""
    if pointed_at in tips:
        return pointed_at
    usual = [name for name in ("main", "master") if name in tips]
    same = sorted(name for name, tip in tips.items() if tip == head)
    both = [name for name in usual if name in same]
    return next(iter(both or same or usual or sorted(tips)), None)


def is_text(name: str) -> bool:
    """Git takes any bytes for the name of a branch. Some are no text, so nobody can give a command about it."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)
