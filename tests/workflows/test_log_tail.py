"""What waits because the log told of it: each thing once, and never more than there is room for."""

import asyncio
from typing import Any, cast

import pytest
from msgspec.structs import replace

from events.commit import Commit, Event, Recorded
from events.ids import JobId, Position, RepositoryId, TaskId, Timestamp
from events.job import JobAnnounced
from events.log import LogCut
from events.memory import MemoryStore
from events.store import subject_of
from runtime.errors import Unavailable
from tests import facts
from workflows import log_tail
from workflows.announcements import Announcement
from workflows.host_watch import AWAY
from workflows.job_offers import JobOffers
from workflows.log_tail import LogTail
from workflows.placement import Place


class Offered(JobOffers):
    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def offer(self, job: Announcement | JobId, *, only: Place) -> None:
        self.jobs.append(job.event.job_id if isinstance(job, Announcement) else job)


class Here:
    """The tasks, hosts, hints and lanes of a worker, who only note what they are asked."""

    def __init__(self) -> None:
        self.looked_at: list[str] = []
        self.refusals: list[Unavailable] = []
        self.back: list[str] = []
        self.renewed = 0

    async def look_at_files(self, repository_id: RepositoryId) -> None:
        self.looked_at.append(repository_id)

    async def is_back(self, task_id: TaskId) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.back.append(task_id)

    async def renew(self) -> None:
        self.renewed += 1


class Tail:
    def __init__(self) -> None:
        self.here = Here()
        here = cast("Any", self.here)
        self.offered = Offered()
        self.tail = LogTail(
            store=MemoryStore(),
            hints=here,
            offers=self.offered,
            lanes=here,
            tasks=here,
            hosts=here,
            sessions=here,
            processes=here,
            leftovers=here,
        )
        self._position = 0

    async def hear(self, *events: Event) -> None:
        self._position += 1
        commit = Commit(at=Timestamp(1), actor="usr_anna", events=events)
        await self.tail.apply(
            [
                Recorded(
                    position=Position(self._position),
                    subject=subject_of("task", facts.TASK),
                    message_id=str(self._position),
                    body=b"",
                    decode=lambda _: commit,
                )
            ]
        )

    async def look(self) -> None:
        """Look at all that was told."""
        looking = asyncio.create_task(self.tail.run())
        while len(self.tail):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.wait([looking])


def announced(number: int) -> JobAnnounced:
    return JobAnnounced(
        job_id=JobId(f"job_{number}"),
        kind="repository_sync",
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        input={},
    )


async def test_jobs_beyond_the_bound_are_left_to_the_sweep_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_tail, "TOLD", 3)
    told = Tail()

    for number in range(5):
        await told.hear(announced(number))
    await told.hear(facts.repository_synced())
    await told.hear(LogCut(mark="a", folded=Position(9)))

    assert len(told.tail) == 5
    assert caplog.messages.count("left to the sweep") == 2
    await told.look()
    assert told.offered.jobs == ["job_0", "job_1", "job_2"]
    assert told.here.looked_at == [facts.REPOSITORY]
    assert (told.here.renewed, told.tail.cut.is_set()) == (1, True)


async def test_what_is_told_again_before_it_was_looked_at_waits_once() -> None:
    told = Tail()

    for _ in range(3):
        await told.hear(announced(1))
        await told.hear(facts.repository_synced())

    assert len(told.tail) == 2
    await told.look()
    assert (told.offered.jobs, told.here.looked_at) == (["job_1"], [facts.REPOSITORY])


async def test_what_a_log_told_that_lost_its_end_is_not_looked_at_any_more() -> None:
    told = Tail()
    await told.hear(announced(1))

    await told.tail.begin_anew()

    assert len(told.tail) == 0
    await told.hear(announced(2))
    await told.look()
    assert told.offered.jobs == ["job_2"]


async def test_a_host_says_that_it_is_there_once_the_log_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_tail, "AGAIN_SECONDS", 0.0)
    told = Tail()
    told.here.refusals = [Unavailable("There is no leader.")]
    await told.hear(replace(facts.issue_raised(), code=AWAY))

    looking = asyncio.create_task(told.tail.run())
    async with asyncio.timeout(5):
        while told.here.back != [facts.TASK]:
            await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait([looking])
