"""Whether the log is still the one that was folded: a server that was not stopped cleanly may have lost its tail."""

from events.ids import BEGINNING
from events.store import EventStore
from projectors.file import Checkpoint


async def is_prefix_of(store: EventStore, checkpoint: Checkpoint) -> bool:
    """Whether what was folded up to a checkpoint is still the beginning of the log."""
    if checkpoint.position == BEGINNING:
        return True
    found = await store.at(checkpoint.position)
    return found is not None and found.message_id == checkpoint.message_id
