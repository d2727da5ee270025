"""The transcript of one agent session on the write side: nothing is decided but the next index."""

from collections.abc import Sequence

from msgspec import Struct

from commands.decider import Kind, Origin
from events.commit import Event
from events.ids import OrganizationId, SessionId, TaskId
from events.transcript import EntriesAppended, Entry, TranscriptEvent


class Transcript(Struct, frozen=True):
    next_index: int = 1


def evolve(transcript: Transcript, event: Event, origin: Origin) -> Transcript:
    match event:
        case EntriesAppended():
            return Transcript(event.first_index + len(event.entries))
        case _:
            return transcript


def appended(
    transcript: Transcript,
    *,
    organization_id: OrganizationId,
    task_id: TaskId,
    session_id: SessionId,
    entries: Sequence[Entry],
) -> list[TranscriptEvent]:
    """The next entries of the session."""
    if not entries:
        return []
    return [
        EntriesAppended(
            organization_id=organization_id,
            task_id=task_id,
            session_id=session_id,
            first_index=transcript.next_index,
            entries=tuple(entries),
        )
    ]


TRANSCRIPT = Kind(
    name="transcript",
    initial=Transcript(),
    shape=Transcript,
    evolve=evolve,
    whole=False,
)
