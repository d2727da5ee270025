"""The write side of the NATS protocol: one message as bytes, in less time than nats-py's own way to them."""

import re
from collections.abc import Mapping

from nats import errors

_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f]+")
_HEADER = re.compile(r"[^\r\n]*")


def publication(subject: str, reply: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """`HPUB` or `PUB` with all that follows. `reply` may be empty.

    Raises `BadSubjectError` and `BadHeaderError` for text that would be read as something else: a line's
    end in a header is one.
    """
    if not _SUBJECT.fullmatch(subject) or (reply and not _SUBJECT.fullmatch(reply)):
        raise errors.BadSubjectError
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %b %d\r\n%b\r\n" % (to.encode(), len(body), body)
    lines = ["NATS/1.0"]
    for name, value in headers.items():
        line = f"{name}: {value}"
        if not _HEADER.fullmatch(line):
            raise errors.BadHeaderError(name)
        lines.append(line)
    block = "\r\n".join([*lines, "\r\n"]).encode()
    size = len(block) + len(body)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (to.encode(), len(block), size, block, body)
