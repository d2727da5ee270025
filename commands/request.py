"""One command on its way: who sent it, how it is recognised, what it was made for."""

import os

from msgspec import Struct

from commands.command import Command
from commands.keys import body_digest, command_key, message_id
from events.commit import CommandRef, Recorded
from events.ids import UserId
from runtime.errors import Rejected
from runtime.identity import Caller


class Request(Struct, frozen=True, kw_only=True):
    """`command_id` is the Idempotency-Key, or one the server made for this request: then it is `new`.

    `if_match` is the header of that name. A commit made for this request is found by `key` (`commands/keys.py`).
    """

    caller: Caller
    name: str
    command_id: str
    command: Command
    digest: str
    key: str
    new: bool
    if_match: str | None = None

    @property
    def user_id(self) -> UserId:
        return UserId(self.caller.user_id)

    @property
    def ref(self) -> CommandRef:
        return CommandRef(id=self.command_id, name=self.name, digest=self.digest)

    def message_id(self, subject: str) -> str:
        return message_id(subject, self.caller.user_id, self.name, self.command_id, self.digest)

    def made(self, recorded: Recorded) -> bool:
        """Whether a commit was made under this request's key. Raises `Rejected` when it was by another body."""
        commit = recorded.commit
        if commit.actor != self.caller.user_id or commit.command is None:
            return False
        if (commit.command.name, commit.command.id) != (self.name, self.command_id):
            return False
        if commit.command.digest != self.digest:
            raise Rejected(
                "This Idempotency-Key was used with another body; take a new key for a new command.",
                code="key_reused",
            )
        return True


def request_of(
    caller: Caller,
    name: str,
    command: Command,
    *,
    command_id: str | None = None,
    if_match: str | None = None,
) -> Request:
    new = command_id is None
    command_id = command_id or new_command_id()
    return Request(
        caller=caller,
        name=name,
        command_id=command_id,
        command=command,
        digest=body_digest(command),
        key=command_key(caller.user_id, name, command_id),
        new=new,
        if_match=if_match,
    )


def new_command_id() -> str:
    """A random UUID for a command that came without a key."""
    # As text at once: an object of `uuid` costs a command more than all its digests.
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
