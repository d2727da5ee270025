"""A task's view as it was: its history and its jobs' histories, folded in memory by the projection's own code."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from events.codec import is_readable
from events.commit import Recorded
from events.ids import JobId, Position, TaskId
from events.job import JobAnnounced
from events.log_prefix import LOG_SUBJECT
from events.store import EventStore, Limit, subject_of
from projectors.views import Snapshot, Views
from query_api.task_fold import TaskFold
from query_api.visibility import unseen
from runtime.errors import Rejected, Unavailable

T = TypeVar("T")

LONGEST = 5_000
"""At most this many commits are folded for one answer: about half a second of work."""

HEAVIEST = 16 * 1024 * 1024
"""At most this many bytes of them: decoded they take several times as much memory."""

FOLDS_AT_ONCE = 2
FOLD_SECONDS = 10.0


class TaskPasts:
    def __init__(self, views: Views, store: EventStore) -> None:
        self._views = views
        self._store = store
        self._places = asyncio.Semaphore(FOLDS_AT_ONCE)

    async def as_of(self, task_id: TaskId, position: Position) -> Snapshot:
        """The view `task/<id>` as it was once everything up to `position` had happened.

        Raises `NotFound` when there was no such task yet, and `Rejected` (`too_old`) when too much
        would have to be folded.
        """

        def fold(commits: Sequence[Recorded]) -> Snapshot | None:
            past = TaskFold(task_id)
            for commit in commits:
                for _ in past.steps(commit):
                    pass
            return past.snapshot(self._views.epoch("task_detail"))

        snapshot = await self.computed(task_id, fold, up_to=position)
        if snapshot is None:
            raise unseen()
        return snapshot

    async def commits(self, task_id: TaskId, *, up_to: Position | None = None) -> list[Recorded]:
        """The commits of a task and of the jobs it announced, in the order of the log.

        Raises `Rejected` (`too_old`) before it has read much more than is folded.
        """
        room = Limit(commits=LONGEST, bytes=HEAVIEST)
        own = await self._until(subject_of("task", task_id), up_to, room)
        commits, room = list(own), room.after(own)
        for job_id in announced_jobs(own):
            of_job = await self._until(subject_of("job", job_id), up_to, room)
            commits += of_job
            room = room.after(of_job)
        # What was decided about commits that cannot be read: a handful in the life of an installation.
        commits += await self._until(LOG_SUBJECT, up_to, room)
        return sorted(commits, key=lambda commit: commit.position)

    async def computed(
        self,
        task_id: TaskId,
        fold: Callable[[Sequence[Recorded]], T],
        *,
        up_to: Position | None = None,
    ) -> T:
        """Run a long fold beside the event loop; only a few at once, so that everybody else stays fast.

        What is folded is read in the same place: so its memory is bounded too.
        """
        try:
            async with asyncio.timeout(FOLD_SECONDS), self._places:
                commits = await self.commits(task_id, up_to=up_to)
                return await asyncio.to_thread(fold, commits)
        except TimeoutError:
            raise Unavailable(
                f"Going through the history took longer than {FOLD_SECONDS:g} s: many are being gone"
                " through, or the event store is slow. Try again."
            ) from None

    async def _until(
        self, subject: str, position: Position | None, room: Limit
    ) -> Sequence[Recorded]:
        """The commits of one history up to a position, if there is room for them."""
        # One more tells that there is no room.
        found = await self._store.load(subject, limit=replace(room, commits=room.commits + 1))
        kept = [one for one in found if position is None or one.position <= position]
        left = room.after(kept)
        if left.commits < 0 or left.bytes < 0:
            raise Rejected(
                f"This would go through more than {LONGEST} commits or {HEAVIEST // 2**20} MB of them. "
                "Name an earlier position, or read /v1/history of the task page by page.",
                code="too_old",
            )
        return kept


def announced_jobs(commits: Sequence[Recorded]) -> list[JobId]:
    """The jobs that these commits announce, each once."""
    announced = {
        event.job_id: None
        for recorded in commits
        if is_readable(recorded)
        for event in recorded.commit.events
        if isinstance(event, JobAnnounced)
    }
    return list(announced)
