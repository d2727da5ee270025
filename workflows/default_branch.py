"""Which of a remote's branches new work starts from; pure."""


def default_branch(tips: dict[str, str], *, pointed_at: str | None, head: str | None) -> str | None:
    """The branch the remote's HEAD means; where it means none, the one people usually mean."""
    if pointed_at in tips:
        return pointed_at
    usual = [name for name in ("main", "master") if name in tips]
    same = sorted(name for name, tip in tips.items() if tip == head)
    both = [name for name in usual if name in same]
    return next(iter(both or same or usual or sorted(tips)), None)
