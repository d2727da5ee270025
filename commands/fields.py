"""The kinds of text a command may carry, with the limits of docs/protocol.md, "Limits". Lengths of shapes count characters.

`(?!\\n)$` because `$` alone would let one newline pass at the end.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from events.fact import Attachment

NAME_LIMIT = 200
TEXT_BYTES = 256 * 1024
"""The most a prompt or a message may have in UTF-8; `commands.bodies` counts the bytes."""

_NAME = r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]+"

Name = Annotated[str, Meta(max_length=NAME_LIMIT, pattern=rf"^{_NAME}(?!\n)$")]
"""A name or a title: one line that is not blank. Also a model's, which its agent gives: `sonnet[1m]`, an ARN."""

NameOrNothing = Annotated[str, Meta(max_length=NAME_LIMIT, pattern=rf"^(?:{_NAME})?(?!\n)$")]
"""A name, or the empty text that takes back the one chosen before."""

Line = Annotated[str, Meta(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$")]
"""One line that names something elsewhere: an address, a branch."""

FilePath = Annotated[str, Meta(max_length=4096, pattern=r"^[^\x00]+$")]
"""The path of a file, whose name may have any character but NUL."""

Prompt = Annotated[str, Meta(max_length=TEXT_BYTES, pattern=r"^(?=[\s\S]*\S)[^\x00]+$")]
"""A text for an agent: newlines are welcome, it is not blank."""

Text = Annotated[str, Meta(max_length=TEXT_BYTES, pattern=r"^[^\x00]*$")]
"""Any text without NUL, also none."""

Argument = Annotated[str, Meta(max_length=32 * 1024, pattern=r"^[^\x00]*$")]
"""One argument of a command: any text the system can hand over, also none and several lines."""

_WORD = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*"

Word = Annotated[str, Meta(max_length=100, pattern=rf"^{_WORD}(?!\n)$")]
"""What a program is called: an agent, a provider, a signal."""

WordOrNothing = Annotated[str, Meta(max_length=100, pattern=rf"^(?:{_WORD})?(?!\n)$")]
"""A word, or the empty text that takes back the one chosen before."""

Option = Annotated[str, Meta(max_length=TEXT_BYTES)]
"""What an agent calls an answer it offers: its own word, which may be anything."""

Reference = Annotated[str, Meta(min_length=1, max_length=200)]
"""The id of something that should be there. Text that cannot be an id names nothing, so it is not found."""


class AttachmentField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in a file that a person points at."""

    id: Name
    path: FilePath
    line: Annotated[int, Meta(ge=0, le=2**31)] | None = None
    text: Text | None = None


Attachments = Annotated[tuple[AttachmentField, ...], Meta(max_length=100)]


def attachments_of(fields: tuple[AttachmentField, ...] | None) -> tuple[Attachment, ...]:
    """The same places as they stand in events."""
    return msgspec.convert(fields or (), tuple[Attachment, ...], from_attributes=True)
