"""`transcript/<session>`: what was said in one agent session; the view shows the newest, all of it stays stored."""

from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from events.agent_session import AgentSessionCreated
from events.commit import Commit, Event
from events.fact import Attachment, Blob
from events.ids import MessageId, SessionId, TaskId, Timestamp
from events.transcript import EntriesAppended, Entry, Sender
from projectors.blob_referrers import refer
from projectors.projection import Projection, View
from projectors.rows import Row, Rows

WINDOW = 200


class TranscriptSelf(Row, frozen=True, kw_only=True):
    """`first_index` and `last_index` are those of all that is stored, not of the window."""

    id: SessionId
    task_id: TaskId
    first_index: int = 1
    last_index: int = 0


class ShownEntry(Row, frozen=True, kw_only=True):
    id: str
    index: int
    sender: Sender
    kind: str
    message_id: MessageId | None
    at: Timestamp
    command_id: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    payload: dict[str, Any] | UnsetType = UNSET
    blob: Blob | UnsetType = UNSET
    attachments: tuple[Attachment, ...] | UnsetType = UNSET


def project(rows: Rows, event: Event, commit: Commit) -> None:
    match event:
        case AgentSessionCreated(session_id=id, task_id=task_id):
            # The first task that named a session keeps it, whatever another task calls its own.
            if rows.get(f"transcript/{id}", "self", id, TranscriptSelf) is None:
                rows.put(f"transcript/{id}", "self", id, TranscriptSelf(id=id, task_id=task_id))
        case EntriesAppended():
            _append(rows, event)
        case _:
            # Only what is said, and the sessions in which it can be.
            pass


def _append(rows: Rows, event: EntriesAppended) -> None:
    id = event.session_id
    topic = f"transcript/{id}"
    itself = rows.get(topic, "self", id, TranscriptSelf)
    if itself is None or itself.task_id != event.task_id:
        return
    last_index = max(itself.last_index, event.first_index + len(event.entries) - 1)
    window_start = last_index - WINDOW + 1
    for index, entry in enumerate(event.entries, event.first_index):
        if index > itself.last_index:
            shown = _shown(index, entry)
            rows.add(topic, "entry", shown.id, shown, shown=index >= window_start)
            if entry.blob is not None:
                refer(rows, entry.blob, topic)
    shown_before = range(max(1, itself.last_index - WINDOW + 1), itself.last_index + 1)
    for index in range(shown_before.start, min(window_start, shown_before.stop)):
        rows.retire(topic, "entry", str(index))
    rows.put(topic, "self", id, replace(itself, last_index=last_index))


def _shown(index: int, entry: Entry) -> ShownEntry:
    return ShownEntry(
        id=str(index),
        index=index,
        sender=entry.sender,
        kind=entry.kind,
        message_id=entry.message_id,
        at=entry.at,
        command_id=UNSET if entry.command_id is None else entry.command_id,
        text=UNSET if entry.text is None else entry.text,
        payload=UNSET if entry.payload is None else entry.payload,
        blob=UNSET if entry.blob is None else entry.blob,
        attachments=entry.attachments or UNSET,
    )


TRANSCRIPT = Projection(
    name="transcript",
    kinds=frozenset({"task", "transcript"}),
    views={"transcript": View({"entries": "entry"}, window=WINDOW)},
    project=project,
    module=__name__,
    numbered=frozenset({"entry"}),
)
