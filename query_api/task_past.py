"""A task's view as it was: its history and its jobs' histories, folded in memory by the projection's own code."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from events.codec import is_readable
from events.commit import Recorded
from events.ids import JobId, Position, TaskId
from events.job import JobAnnounced
from events.store import EventStore, subject_of
from events.trail import LOG_SUBJECT
from projectors.views import Snapshot, Views
from query_api.task_fold import TaskFold
from query_api.visibility import unseen
from runtime.errors import Rejected, Unavailable

T = TypeVar("T")

LONGEST = 5_000
"""Commits that are folded for one answer; about half a second of work."""

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
        commits = await self.commits(task_id, up_to=position)

        def fold() -> Snapshot | None:
            past = TaskFold(task_id)
            for commit in commits:
                for _ in past.steps(commit):
                    pass
            return past.snapshot(self._views.epoch("task_detail"))

        snapshot = await self.computed(fold)
        if snapshot is None:
            raise unseen()
        return snapshot

    async def commits(self, task_id: TaskId, *, up_to: Position | None = None) -> list[Recorded]:
        """The commits of a task and of the jobs it announced, in the order of the log."""
        own = _until(await self._store.load(subject_of("task", task_id)), up_to)
        commits = list(own)
        for job_id in announced_jobs(own):
            _bound(commits)
            commits += _until(await self._store.load(subject_of("job", job_id)), up_to)
        _bound(commits)
        # What was decided about commits that cannot be read: a handful in the life of an installation.
        commits += _until(await self._store.load(LOG_SUBJECT), up_to)
        return sorted(commits, key=lambda commit: commit.position)

    async def computed(self, fold: Callable[[], T]) -> T:
        """Run a long fold beside the event loop; only a few at once, so that everybody else stays fast."""
        try:
            async with asyncio.timeout(FOLD_SECONDS), self._places:
                return await asyncio.to_thread(fold)
        except TimeoutError:
            raise Unavailable(
                "Too many histories are being gone through just now; try again."
            ) from None


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


def _until(commits: Sequence[Recorded], position: Position | None) -> Sequence[Recorded]:
    kept = [one for one in commits if position is None or one.position <= position]
    _bound(kept)
    return kept


def _bound(commits: Sequence[Recorded]) -> None:
    if len(commits) > LONGEST:
        raise Rejected(
            f"This would go through more than {LONGEST} commits. "
            "Name an earlier position, or read /v1/history of the task page by page.",
            code="too_old",
        )
