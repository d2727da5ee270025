"""What an agent says between two turns, kept for the next: the newest of it, within bounds."""

from collections import deque
from collections.abc import Iterator

import msgspec

from events.ids import Timestamp
from events.transcript import Entry
from workflows.acp_entries import notice_entry

ENTRIES = 256
BYTES = 4 << 20
"""An agent may print on as long as it likes, and nobody waits for it who could slow it down."""

_encoder = msgspec.json.Encoder()


class HeldEntries:
    """A queue that lets the oldest go, and tells how many these were."""

    def __init__(self) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()
        self._bytes = 0
        self._left_out = 0

    def add(self, entry: Entry) -> None:
        size = len(_encoder.encode(entry))
        self._entries.append((entry, size))
        self._bytes += size
        while len(self._entries) > ENTRIES or self._bytes > BYTES:
            self._bytes -= self._entries.popleft()[1]
            self._left_out += 1

    def take(self, at: Timestamp) -> Iterator[Entry]:
        """All there is, each once, behind a notice of what is not there any more."""
        if self._left_out:
            yield notice_entry(left_out(self._left_out), at)
            self._left_out = 0
        while self._entries:
            entry, size = self._entries.popleft()
            self._bytes -= size
            yield entry


def left_out(count: int) -> str:
    return f"What the agent said before this message was too much to keep: the first {count} entries are left out."
