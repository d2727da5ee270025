"""What is said where git does not get at a remote repository, or at the copy of it: git's own words, and what may help."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workflows.git import GitFailed
from workflows.sandbox import RemoteUnavailable


@contextmanager
def remote_to_blame(remote_url: str) -> Iterator[None]:
    """Where git fails inside, the remote cannot be looked at or fetched from."""
    try:
        yield
    except GitFailed as error:
        raise RemoteUnavailable(
            f"The remote repository cannot be read. {_told(remote_url, error)}"
        ) from None


@contextmanager
def copy_to_blame(path: Path) -> Iterator[None]:
    """Where git fails inside, it is not the remote's fault."""
    try:
        yield
    except GitFailed as error:
        raise GitFailed(
            f"The worker's own copy of the repository cannot be read. {error.detail}."
            f" `git fsck` in {path} says more to whoever runs the worker.",
            exit_code=error.exit_code,
        ) from None


def unwritable(remote_url: str, error: GitFailed) -> RemoteUnavailable:
    """For a remote that cannot be pushed to."""
    return RemoteUnavailable(
        f"The remote repository cannot be written to. {_told(remote_url, error)}"
    )


def _told(remote_url: str, error: GitFailed) -> str:
    # Git only says that it was not asked for a name, or ssh that it was denied: not what could be done about it.
    if remote_url.startswith("/"):
        return error.detail
    advice = _PASSWORD if remote_url.startswith("https:") else _KEY
    return f"{error.detail.removesuffix('.')}. {advice}"


_PASSWORD = "Git is given no password here: a private repository, or one to push to, has to be added by its ssh address."
_KEY = "The only key that ssh offers is that of FOUNDRY_GIT_SSH_KEY, on the machine of the worker alone."
