"""`repository.remove` looks at the repository's tasks: at all that may be at work, and at no others."""

import asyncio

import pytest

from commands.job import JOB
from commands.job_reports import failed, opened, started
from commands.task import TASK
from commands.task_reports import task_archived, task_failed, task_killed
from events.ids import IssueId, JobId, Timestamp
from events.job import JobAnnounced
from runtime.errors import Rejected
from tests.commands.node import Acme, Node, acme, task_of

WORKER = "w1"


async def remove(node: Node, place: Acme) -> list[str]:
    removed = await node.submit(place.owner, "repository.remove", repository_id=place.repository_id)
    return removed.events


async def put_away(node: Node, place: Acme, task_id: str, *, killed: bool) -> None:
    command = "task.kill" if killed else "task.archive"
    await node.submit(place.owner, command, task_id=task_id)
    ended = task_killed if killed else task_archived
    position, _ = await node.reports.report(TASK, task_id, ended, report_id=command)
    await node.reached(position)


async def failed_task(node: Node, place: Acme) -> tuple[str, JobId]:
    """A task whose provisioning failed for good, and that job."""
    made = await task_of(node, place)
    task_id, job_id = made.ids["task_id"], JobId(made.ids["job_id"])
    commit = await node.store.at(made.position)
    assert commit is not None
    (announced,) = [one for one in commit.commit.events if isinstance(one, JobAnnounced)]
    stage, message = "repository_prepared", "no such branch"
    for number, fact in enumerate(
        (
            lambda job: opened(job, announced, stages=[stage], announced_at=Timestamp(1)),
            lambda job: started(job, worker=WORKER, host="h1"),
            lambda job: failed(job, worker=WORKER, stage=stage, message=message),
        )
    ):
        await node.reports.report(JOB, job_id, fact, report_id=str(number))
    await node.reports.report(
        TASK,
        task_id,
        lambda task: task_failed(
            task, job_id=job_id, stage=stage, message=message, issue_id=IssueId("iss_1"), code="x"
        ),
        report_id="failed",
    )
    return task_id, job_id


async def test_a_failed_task_does_not_keep_its_repository(node: Node) -> None:
    place = await acme(node)
    await failed_task(node, place)

    assert await remove(node, place) == ["repository_removed"]


async def test_a_task_that_is_provisioned_once_more_keeps_it(node: Node) -> None:
    place = await acme(node)
    task_id, job_id = await failed_task(node, place)
    await node.submit(place.owner, "job.retry", job_id=job_id)

    with pytest.raises(Rejected) as refused:
        await remove(node, place)

    assert refused.value.code == "tasks_running"
    assert task_id in refused.value.detail


async def test_what_was_killed_is_not_asked_and_the_others_are_at_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await acme(node)
    tasks = [(await task_of(node, place)).ids["task_id"] for _ in range(6)]
    for number, task_id in enumerate(tasks):
        await put_away(node, place, task_id, killed=number < 3)
    confirmed = node.aggregates.confirmed
    asked: list[str] = []
    together = most = 0

    async def counted(kind: object, aggregate_id: str) -> object:
        nonlocal together, most
        if kind is TASK:
            asked.append(aggregate_id)
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        return await confirmed(kind, aggregate_id)  # type: ignore[arg-type]

    monkeypatch.setattr(node.aggregates, "confirmed", counted)

    assert await remove(node, place) == ["repository_removed"]
    assert sorted(asked) == sorted(tasks[3:])
    assert most == 3


async def test_an_archived_task_that_is_being_killed_keeps_its_repository(node: Node) -> None:
    place = await acme(node)
    task_id = (await task_of(node, place)).ids["task_id"]
    await put_away(node, place, task_id, killed=False)
    await node.submit(place.owner, "task.kill", task_id=task_id)

    with pytest.raises(Rejected):
        await remove(node, place)
