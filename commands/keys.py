"""How a command is recognised when it comes again: by its caller, name and id, and by a digest of its body."""

import hashlib
from functools import cache, lru_cache

import msgspec

from commands.command import Command
from events.commit import Recorded

DIGEST_BYTES = 16


def command_key(caller: str, name: str, command_id: str) -> str:
    """The identity of a command (docs/protocol.md, "Idempotency"): caller, name and id, whatever the body says."""
    # Neither a user's id nor a command's name has a slash in it.
    return f"{caller}/{name}/{command_id}"


def short_key(key: str) -> bytes:
    """What stands for a key where millions of them are stored."""
    return hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES).digest()


def message_id(subject: str, caller: str, name: str, command_id: str, digest: str) -> str:
    """The `Nats-Msg-Id` of a command's commit.

    The digest of the body is part of it: two nodes that get one key with two bodies at once must
    not take the second for a repetition of the first.
    """
    # Whoever sends one command after the other sends them alike.
    told = _alike("message", subject, caller, name).copy()
    told.update(_told(command_id) + _told(digest))
    return told.hexdigest()


def report_message_id(subject: str, report_id: str) -> str:
    """The `Nats-Msg-Id` of a worker's report."""
    return _digest("report", subject, report_id).hexdigest()


def body_digest(command: Command) -> str:
    """A digest of a command's content: equal for two bodies that mean the same, however they are spelt."""
    left_out = {
        field: default
        for field, default in _said_by_null(type(command))
        if getattr(command, field) is None
    }
    if left_out:
        command = msgspec.structs.replace(command, **left_out)
    return hashlib.blake2b(msgspec.json.encode(command), digest_size=DIGEST_BYTES).hexdigest()


@cache
def _said_by_null(shape: type[Command]) -> list[tuple[str, object]]:
    """The fields with a default other than null: null in one of these means the default. Pairs of name and default."""
    return [
        (field.name, field.default)
        for field in msgspec.structs.fields(shape)
        if field.default is not None and not field.required
    ]


def key_of(recorded: Recorded) -> str:
    """The key a stored commit is found by: that of its command, or the message id of a report. Raises `Undecodable`."""
    commit = recorded.commit
    if commit.command is None:
        return recorded.message_id
    return command_key(commit.actor, commit.command.name, commit.command.id)


def _digest(*parts: str) -> hashlib.blake2b:
    return hashlib.blake2b(b"".join(map(_told, parts)), digest_size=DIGEST_BYTES)


_alike = lru_cache(maxsize=1024)(_digest)


def _told(part: str) -> bytes:
    # The length before each part: no two lists of parts make the same bytes.
    data = part.encode()
    return len(data).to_bytes(4, "big") + data
