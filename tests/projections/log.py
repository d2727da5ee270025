"""Commits at places in a log, without a store: what a feed hands to its followers."""

from collections.abc import Iterable

from events import codec
from events.commit import Commit, Recorded
from events.fact import TaskFact
from events.ids import Position
from events.job import JobAnnounced, JobFact
from events.log import LOG_ID, LOG_KIND, LogEvent
from events.organization import OrganizationEvent
from events.store import subject_of
from events.transcript import EntriesAppended
from events.user import UserEvent


def subject_for(commit: Commit) -> str:
    """The aggregate whose history a commit belongs to; announcements belong to the owner they stand in."""
    event = commit.events[0]
    if isinstance(event, UserEvent):
        return subject_of("user", event.user_id)
    if isinstance(event, LogEvent):
        return subject_of(LOG_KIND, LOG_ID)
    if isinstance(event, OrganizationEvent):
        return subject_of("organization", event.organization_id)
    if isinstance(event, TaskFact):
        return subject_of("task", event.task_id)
    if isinstance(event, EntriesAppended):
        return subject_of("transcript", event.session_id)
    if isinstance(event, JobFact) and not isinstance(event, JobAnnounced):
        return subject_of("job", event.job_id)
    assert event.repository_id is not None
    return subject_of("repository", event.repository_id)


def recorded(commit: Commit, position: int) -> Recorded:
    return Recorded(
        position=Position(position),
        subject=subject_for(commit),
        message_id=f"m{position}",
        body=codec.encode(commit),
        decode=codec.decode,
    )


def log_of(commits: Iterable[Commit]) -> list[Recorded]:
    return [recorded(commit, position) for position, commit in enumerate(commits, 1)]
