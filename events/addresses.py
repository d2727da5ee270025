"""The rules for what people may name as a remote repository and as a branch; pure, so that commands and workers share them."""

import posixpath
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from runtime.errors import FieldError, Invalid

BRANCH_BYTES = 240
"""A branch is a file below `refs/heads` while git works on it; file names end at 255 bytes, `.lock` included."""

URL_CHARACTERS = 2_000


class Remote(Struct, frozen=True, kw_only=True):
    """A remote repository.

    `url` is what git is given. `address` names the same repository however it was spelt (scheme,
    user, default port, `.git`, slash at the end, case of the host). `name` is its last part.
    """

    url: str
    address: str
    name: str


def parse_remote(url: str, local_root: Path | None) -> Remote:
    """Understand what a person gave as `remote_url`. Absolute paths are allowed below `local_root`, without one nowhere.

    Raises `Invalid`, with a sentence that says what to give instead. The path is judged as it is
    written; whoever opens it has to look where its symbolic links lead.
    """
    if not url:
        raise _invalid("Give the address of a git repository.")
    if len(url) > URL_CHARACTERS:
        raise _invalid(f"An address has {URL_CHARACTERS} characters at most.")
    if not url.isprintable():
        raise _invalid("The address contains control characters or characters nobody can see.")
    if url.startswith("/"):
        return _local(url, local_root)
    if url != url.strip() or " " in url or "\\" in url:
        raise _invalid("The address contains spaces or backslashes; write them as %20 and %5C.")
    if _SCHEME.match(url):
        return _url(url)
    if found := _SCP_LIKE.fullmatch(url):
        return _remote(url, host=found["host"], path=found["path"])
    raise _invalid(_ACCEPTED)


def valid_branch(name: str) -> bool:
    """Whether git would make a branch of this name: the rules of `git check-ref-format --branch`.

    Stricter in three points: a name that git reads as something else (`@`), one too long for a
    file name, and one that is not text are refused.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    if not name or size > BRANCH_BYTES or name in ("@", "HEAD"):
        return False
    if name.startswith("-") or name.endswith(".") or _NOT_IN_A_REF.search(name):
        return False
    return all(
        part and not part.startswith(".") and not part.endswith(".lock") for part in name.split("/")
    )


_ACCEPTED = (
    "Give an https:// or ssh:// address, user@host:path, or the absolute path of a repository."
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|:)")
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
# A host that begins with `-` would reach ssh as an option.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
_SCP_LIKE = re.compile(rf"{_USER}@(?P<host>{_HOST}):(?P<path>[^-].*)")
_AUTHORITY = re.compile(rf"(?:(?P<user>[^@]*)@)?(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_DEFAULT_PORTS = {"https": "443", "ssh": "22"}
_NOT_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")


def _url(url: str) -> Remote:
    try:
        parts = urlsplit(url)
        path = unquote(parts.path, errors="strict")
    except ValueError:
        raise _invalid(_ACCEPTED) from None
    if parts.scheme == "http":
        raise _invalid("Over http:// anybody on the way can change what is fetched; use https://.")
    if parts.scheme == "file":
        raise _invalid("Give the absolute path itself, without file://.")
    if parts.scheme not in _DEFAULT_PORTS:
        raise _invalid(_ACCEPTED)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _invalid("The address of a repository has no ? and no #.")
    return _remote(url, host=_host(parts), path=path)


def _host(parts: SplitResult) -> str:
    found = _AUTHORITY.fullmatch(parts.netloc)
    if found is None:
        raise _invalid("The address names no host, or one that cannot be.")
    user = found["user"]
    if parts.scheme == "https" and user is not None:
        raise _invalid(
            "Leave name, password and token out of the address: it is stored and shown to everybody in the organization."
        )
    if user is not None and not re.fullmatch(_USER, user):
        raise _invalid("The name before @ cannot be used; passwords do not belong in an address.")
    port = found["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise _invalid("The address names a port that cannot be.")
    named = port is not None and port.lstrip("0") != _DEFAULT_PORTS[parts.scheme]
    return f"{found['host']}:{port}" if named else found["host"]


def _remote(url: str, *, host: str, path: str) -> Remote:
    parts = path.strip("/").split("/")
    parts[-1] = parts[-1].removesuffix(".git")
    if not all(parts) or any(part in (".", "..") for part in parts):
        raise _invalid("The address names no repository below its host.")
    if not path.isprintable() or path.startswith("-"):
        raise _invalid("The path of the address cannot be used.")
    return Remote(url=url, address=f"{host.lower()}/{'/'.join(parts)}", name=parts[-1])


def _local(url: str, root: Path | None) -> Remote:
    # normpath keeps exactly two slashes at the front, which POSIX gives a meaning of its own.
    path = "/" + posixpath.normpath(url).lstrip("/")
    if root is None:
        raise _invalid("This server takes no repositories from its own disk.")
    if not Path(path).is_relative_to(root):
        raise _invalid(f"Repositories on this server's disk must lie below {root}.")
    # Unlike on a host, `x` and `x.git` are two folders here and may both be repositories.
    address = path.removesuffix("/.git")
    name = posixpath.basename(address).removesuffix(".git")
    if not name:
        raise _invalid("The path names no repository.")
    return Remote(url=path, address=address, name=name)


def _invalid(detail: str) -> Invalid:
    return Invalid(detail, errors=[FieldError("/remote_url", detail)])
