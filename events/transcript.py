"""Facts about a transcript: what was said in one agent session, by one writer, in order."""

from typing import Any, Literal

from msgspec import Struct

from events.fact import Attachment, Blob, Fact
from events.ids import MessageId, OrganizationId, SessionId, TaskId, Timestamp

Sender = Literal["user", "agent", "tool", "system"]


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that was said. Exactly one of `text`, `payload` and `blob` is set; a person's may have `attachments`.

    `kind` is the protocol's own word (`agent_message_chunk`, `tool_call`, …) for what an agent sent,
    `message` for what a person sent, `stderr`, `exit`, `interrupted` or `error` for the system.
    """

    sender: Sender
    kind: str
    at: Timestamp
    message_id: MessageId | None = None
    command_id: str | None = None
    text: str | None = None
    payload: dict[str, Any] | None = None
    blob: Blob | None = None
    attachments: tuple[Attachment, ...] = ()


class EntriesAppended(Fact, frozen=True, kw_only=True, tag="entries_appended"):
    """Entries `first_index`, `first_index + 1`, … of the session; the first entry of all has index 1."""

    organization_id: OrganizationId
    task_id: TaskId
    session_id: SessionId
    first_index: int
    entries: tuple[Entry, ...]


TranscriptEvent = EntriesAppended
