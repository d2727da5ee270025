"""Entity tags: of views `"<epoch>.<version>"`, and whether the client still holds the current one."""

import hashlib
import re
from collections.abc import Sequence

from events.ids import Position

_HELD = re.compile(r'[ \t,]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')


def etag(epoch: str, version: Position) -> str:
    """The strong tag of a topic at a version; the same text, without quotes, is what streams call held."""
    return f'"{epoch}.{version}"'


def content_etag(content: bytes) -> str:
    """The strong tag of content that has no version: the same bytes have the same tag on every node."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def still_held(if_none_match: Sequence[str], current: str) -> bool:
    """Whether one of the request's `If-None-Match` lines names the current tag (RFC 9110, 13.1.2).

    The comparison is the weak one, so that a proxy may have put `W/` before our tag. What is not
    a list of tags is ignored: the client then gets the whole answer.
    """
    wanted = current.strip('"')
    for line in if_none_match:
        if line.strip() == "*":
            return True
        at = 0
        while found := _HELD.match(line, at):
            if found[1] == wanted:
                return True
            at = found.end()
    return False
