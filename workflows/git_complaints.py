"""What git and those it talks to complain of, as a person should read it."""

import re

_PASSED_OVER = ("hint:", "warning:")
_GRAVE = re.compile(r"(?:fatal|error|ERROR): ")
_USERINFO = re.compile(r"://[^/@\s]*@")


def first_complaint(stderr: bytes) -> str:
    """What a person should read of git's complaints, in one line, without what may be a secret in an address.

    That is git's first grave one. Where another program failed (ssh, a filter) its own word comes before that,
    and has the reason.
    """
    said = [line for line in lines_of(stderr) if not line.lower().startswith(_PASSED_OVER)]
    grave = next((number for number, line in enumerate(said) if _GRAVE.match(line)), None)
    if grave is None:
        return next(iter(said), "it failed without a word")[:500]
    git = _GRAVE.sub("", said[grave])
    return (f"{said[grave - 1].removesuffix('.')[:250]}: {git}" if grave else git)[:500]


def lines_of(stderr: bytes) -> list[str]:
    """What stands there line by line, without what may be a secret in an address."""
    lines = (line.strip() for line in stderr.decode("utf-8", "replace").split("\n"))
    return [_USERINFO.sub("://", line) for line in lines if line]
