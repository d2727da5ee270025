"""The branches that a rebase or a bisect has taken a working tree off, and will bring it back to.

Until then git says of that tree that it is on no branch, and lets nobody check the branch out elsewhere.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

_BRANCH = "refs/heads/"
_REBASED = ("rebase-merge/head-name", "rebase-merge/update-refs", "rebase-apply/head-name")
_BISECTED = "BISECT_START"
_NAME_BYTES = 255
"""No file is called anything longer."""


async def held_by(
    tree: Path, repository: Path, read: Callable[[Path], Awaitable[bytes]]
) -> list[str]:
    """The branches that a working tree without one goes back to; `read` gives nothing for a file that is not there, or closed to us."""
    # Whatever an agent wrote there: the books git keeps of all working trees are in one place.
    name = (await read(tree / ".git")).strip().rpartition(b"/")[2]
    if b"\0" in name or len(name) > _NAME_BYTES:
        return []
    books = repository / "worktrees" / _text(name)
    lines = [line for name in _REBASED for line in _text(await read(books / name)).split("\n")]
    # Without the prefix; where no branch was checked out it is a commit.
    bisected = _text(await read(books / _BISECTED)).strip()
    names = [line.removeprefix(_BRANCH) for line in lines if line.startswith(_BRANCH)]
    return [*names, bisected] if bisected else names


def _text(content: bytes) -> str:
    return os.fsdecode(content)
