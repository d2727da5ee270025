"""What is said of a remote repository that git does not get at: git's own words, and what may help."""

from workflows.git import GitFailed
from workflows.sandbox import RemoteUnavailable


def unreadable(remote_url: str, error: GitFailed) -> RemoteUnavailable:
    """For a remote that cannot be looked at or fetched from."""
    return RemoteUnavailable(f"The remote repository cannot be read. {_told(remote_url, error)}")


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
