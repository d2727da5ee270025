"""One topic on one stream: what the client holds of it, and what was told while it was being brought up to date."""

from enum import Enum

from gateway.holding import Holding
from gateway.topics import Topic
from projectors.views import Change

TAIL_BYTES = 64 * 1024


class Mode(Enum):
    """`JOINING`: asked for, not sent yet. `BEHIND`: was live, owes the client something. `DROPPED`: not carried any more."""

    JOINING = "joining"
    LIVE = "live"
    BEHIND = "behind"
    DROPPED = "dropped"


class Subscription:
    """While live, `holding` is exactly what the client was sent last.

    `permitted`: the caller was found to have the right to see it. `expected`: its first commit may not be in the rows
    yet. `keeps_up`: it fell behind by the size of a change alone, nothing waited for its reader.
    """

    __slots__ = (
        "_tail",
        "_tail_bytes",
        "expected",
        "holding",
        "keeps_up",
        "mode",
        "permitted",
        "topic",
    )

    def __init__(self, topic: Topic, holding: Holding | None) -> None:
        self.topic = topic
        self.holding = holding
        self.mode = Mode.JOINING
        self.permitted = False
        self.expected = True
        self.keeps_up = False
        self._tail: list[Change] | None = None
        self._tail_bytes = 0

    def going_on(self) -> "Subscription":
        """A live subscription of the same topic for another stream or audience, that goes on from here."""
        other = Subscription(self.topic, self.holding)
        other.mode = Mode.LIVE
        other.permitted = True
        return other

    def follows(self, change: Change) -> bool:
        """Whether the client can apply this change to what it holds."""
        holding = self.holding
        return (
            holding is not None
            and holding.position == change.base
            and holding.epoch == change.epoch
        )

    def knows(self, change: Change) -> bool:
        """Whether the client was sent this state, or a later one, already."""
        holding = self.holding
        return (
            holding is not None
            and holding.epoch == change.epoch
            and holding.position >= change.version
        )

    def record(self) -> None:
        """Keep what is told from now on, so that nothing falls between a read and the live changes."""
        self._tail = []
        self._tail_bytes = 0

    def keep(self, change: Change) -> None:
        """Keep one change; too many bytes of them are let go, and the next read finds them in the log."""
        if self._tail is None:
            return
        self._tail_bytes += len(change.changes) + len(change.cause)
        if self._tail_bytes > TAIL_BYTES:
            self._tail = None
        else:
            self._tail.append(change)

    def continuation(self) -> list[Change] | None:
        """The kept changes that go on where the client stands; None when another read is needed."""
        tail, self._tail = self._tail, None
        if tail is None or self.holding is None:
            return None
        newer = [change for change in tail if not self.knows(change)]
        at = self.holding.position
        for change in newer:
            if change.base != at or change.epoch != self.holding.epoch:
                return None
            at = change.version
        return newer

    def etag(self) -> str:
        """What the client holds, as it may send it back: `<epoch>.<version>`."""
        assert self.holding is not None
        return f"{self.holding.epoch}.{self.holding.position}"
