"""Finding again what a job was announced with."""

from pathlib import Path

from msgspec.structs import replace

from commands.aggregates import Aggregates
from commands.directory import Directory
from events.codec import Undecodable
from events.commit import Commit
from events.ids import JobId
from events.job import JobAnnounced
from events.memory import MemoryStore
from tests import facts
from tests.commands.test_aggregates import put
from workflows.announcements import Announcements


async def test_an_announcement_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    store = MemoryStore()
    directory = await Directory.open(tmp_path / "directory.sqlite3", store)
    announced = [
        await put(store, facts.commit(job(job_id)), f"evt.task.{task_id}")
        for job_id, task_id in (("job_1", "task_1"), ("job_2", "task_2"))
    ]
    await directory.apply(announced)
    # The node was set back to code that does not know what else stands in that commit.
    announced[0].decoded, announced[0].decode = None, unreadable
    announcements = Announcements(store, Aggregates(store))

    found = [await announcements.of_open_job(job) for job in directory.open_jobs()]

    assert [one and one.event.job_id for one in found] == [None, "job_2"]
    directory.close()


def job(job_id: str) -> JobAnnounced:
    return replace(facts.job_announced(), job_id=JobId(job_id))


def unreadable(_: bytes) -> Commit:
    raise Undecodable("of newer code")
