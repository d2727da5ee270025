"""A log as a busy workbench writes it: the same commits for the same seed, as long as is asked for."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from bench.history_of_task import Happened, Place, course_of_task
from events import codec
from events.commit import CommandRef, Commit
from events.ids import OrganizationId, RepositoryId, Timestamp, UserId
from events.organization import OrganizationCreated, RepositoryAdded
from events.store import subject_of
from events.user import UserCreated

TOWNS = 10
REPOSITORIES = 4
AT_WORK = 60
"""Tasks that are at work at once, so that neighbours in the log belong to different aggregates."""
BEGINS = 1_700_000_000_000
LONGEST_PAUSE = 8_000


class Message(NamedTuple):
    """A commit as it stands in the log."""

    subject: str
    message_id: str
    body: bytes
    events: int


def history(events: int) -> Iterator[Message]:
    """Messages with so many events in all, or a few more."""
    random = Random(1)
    at, written = BEGINS, 0
    for subject, actor, facts in _town_life(random):
        at += random.randrange(LONGEST_PAUSE)
        written += len(facts)
        commit = Commit(
            at=Timestamp(at),
            actor=actor,
            events=facts,
            organization_id=getattr(facts[0], "organization_id", None),
            command=None
            if actor == "worker"
            else CommandRef(id=f"{written:036x}", name="task.create", digest=f"{at:032x}"),
            correlation_id=f"{at:016x}",
        )
        yield Message(subject, f"{written:032x}", codec.encode(commit), len(facts))
        if written >= events:
            return


def _town_life(random: Random) -> Iterator[Happened]:
    places: list[Place] = []
    for town in range(TOWNS):
        user, organization = UserId(f"usr_{town}"), OrganizationId(f"org_{town}")
        yield subject_of("user", user), user, (UserCreated(user_id=user, name=f"User {town}"),)
        subject = subject_of("organization", organization)
        created = OrganizationCreated(
            organization_id=organization, name=f"Town {town}", owner_id=user, owner_name="Ann"
        )
        yield subject, user, (created,)
        for number in range(REPOSITORIES):
            added = RepositoryAdded(
                organization_id=organization,
                repository_id=RepositoryId(f"repo_{town}_{number}"),
                name=f"project-{number}",
                remote_url=f"https://example.com/town-{town}/project-{number}.git",
                address=f"example.com/town-{town}/project-{number}",
            )
            yield subject, user, (added,)
            places.append(Place(user, organization, added.repository_id))
    courses: list[Iterator[Happened]] = []
    while True:
        while len(courses) < AT_WORK:
            courses.append(course_of_task(random.choice(places), random))
        course = random.choice(courses)
        happened = next(course, None)
        if happened is None:
            courses.remove(course)
        else:
            yield happened
