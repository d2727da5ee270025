"""The folder through which our git works in a repository that agents work in too: it has settings of its own.

An agent in a working tree shares the repository's folder, and may write there what makes git run
programs: settings, attributes, other addresses. So git is given another folder for the repository's,
in which only the contents are the repository's (links), the way `git-new-workdir` always did it (decision 0034).
"""

from collections.abc import Mapping
from pathlib import Path

_FOLDERS = ("logs", "objects", "refs", "worktrees")
_LINKS = (*_FOLDERS, "packed-refs", "shallow")
_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = true
\tlogAllRefUpdates = true
"""
_HEAD = "ref: refs/heads/none\n"


class OwnSettings:
    """`repository` is the folder agents write into; ours lies beside it."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self.folder = repository.with_name(f"{repository.name}.own")

    @property
    def here(self) -> Mapping[str, str]:
        """Variables for git in the repository."""
        return {"GIT_DIR": str(self.folder)}

    @property
    def in_tree(self) -> Mapping[str, str]:
        """Variables for git in a working tree: what belongs to the tree alone is found there."""
        return {"GIT_COMMON_DIR": str(self.folder)}

    def make(self) -> None:
        """Make the folder on this disk, as far as it is not there."""
        for name in _FOLDERS:
            (self._repository / name).mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        for name in _LINKS:
            if not (link := self.folder / name).is_symlink():
                # Both may be moved together.
                link.symlink_to(Path("..", self._repository.name, name))
        for name, text in (("config", _CONFIG), ("HEAD", _HEAD)):
            file = self.folder / name
            # On a full disk nothing can be written, and putting a sandbox away is what makes room.
            if file.is_file() and file.read_bytes() == text.encode():
                continue
            # A git that only looks does not hold the lock.
            new = self.folder / f"{name}.new"
            new.write_text(text)
            new.replace(file)

    @property
    def script(self) -> tuple[str, ...]:
        """`make` as a small shell script with its arguments, for another machine."""
        return (_SCRIPT, str(self._repository), str(self.folder), _CONFIG, _HEAD)


_SCRIPT = f"""
mkdir -p "$2" || exit 1
for name in {" ".join(_FOLDERS)}; do mkdir -p "$1/$name" || exit 1; done
for name in {" ".join(_LINKS)}; do
    [ -L "$2/$name" ] || ln -s "../${{1##*/}}/$name" "$2/$name" || exit 1
done
printf %s "$3" >"$2/config.new" && mv "$2/config.new" "$2/config" || exit 1
printf %s "$4" >"$2/HEAD.new" && mv "$2/HEAD.new" "$2/HEAD"
"""
