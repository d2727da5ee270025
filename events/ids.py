"""Ids: opaque text made of a prefix and `[a-z0-9_]`, 63 characters at most (docs/protocol.md, "Words")."""

import base64
import hashlib
import re
import secrets
from typing import NewType

UserId = NewType("UserId", str)
TokenId = NewType("TokenId", str)
OrganizationId = NewType("OrganizationId", str)
RepositoryId = NewType("RepositoryId", str)
TaskId = NewType("TaskId", str)
SessionId = NewType("SessionId", str)
MessageId = NewType("MessageId", str)
SandboxId = NewType("SandboxId", str)
ProcessId = NewType("ProcessId", str)
JobId = NewType("JobId", str)
IssueId = NewType("IssueId", str)

Position = NewType("Position", int)
"""The sequence of a commit in the stream EVENTS; 0 stands for "before the first"."""

BEGINNING = Position(0)
"""Before the first commit."""

Timestamp = NewType("Timestamp", int)
"""Milliseconds since the Unix epoch."""

_ID = re.compile(r"(?:org|repo|task|ses|job|sbx|proc|usr|tok|msg|iss)_[a-z0-9_]{1,59}")


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is an id of the kind `prefix` ("task", "org", …); such text is safe in a subject."""
    return len(text) <= 63 and text.startswith(f"{prefix}_") and _ID.fullmatch(text) is not None


def new_id(prefix: str) -> str:
    """A fresh random id: 100 bits, lower case."""
    return f"{prefix}_{_letters(secrets.token_bytes(13))}"


def derive_id(prefix: str, *parts: str) -> str:
    """The same id for the same parts, for ever: what a retried create must come out at."""
    digest = hashlib.blake2b(digest_size=13)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return f"{prefix}_{_letters(digest.digest())}"


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()[:20]
