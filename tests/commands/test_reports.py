"""Reports of workers: stored once, decided at the head, fenced when asked."""

import asyncio

import pytest

from commands.session_reports import message_delivered, session_ready
from commands.task import TASK
from commands.task_reports import task_named, task_provisioned
from commands.task_state import TaskState
from events.commit import Event
from events.ids import JobId, MessageId, SessionId, TaskId
from events.memory import MemoryStore
from events.task import TaskNamed
from runtime.errors import Rejected
from tests.commands.node import Node, acme, deaf_node_on, node_on, task_of


async def test_a_report_is_stored_once_and_answered_twice(memory_store: MemoryStore) -> None:
    async with node_on(memory_store) as node:
        task_id = (await task_of(node, await acme(node))).ids["task_id"]

        first = await node.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="a"), report_id="named"
        )
        second = await node.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="b"), report_id="named"
        )
    async with deaf_node_on(memory_store) as restarted:
        third = await restarted.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="c"), report_id="named"
        )

    assert first == second == third


async def test_a_report_carries_the_organization_whose_members_may_see_it(node: Node) -> None:
    place = await acme(node)
    task_id = (await task_of(node, place)).ids["task_id"]

    position, _ = await node.reports.report(
        TASK,
        task_id,
        lambda task: task_named(task, branch="a"),
        report_id="named",
        correlation_id="click",
    )

    stored = await node.store.at(position)
    assert stored is not None
    assert (stored.commit.organization_id, stored.commit.actor) == (place.organization_id, "worker")
    assert (stored.commit.correlation_id, stored.commit.command) == ("click", None)


async def test_a_report_that_no_longer_fits_answers_the_present_position(node: Node) -> None:
    made = await task_of(node, await acme(node))

    position, events = await node.reports.report(
        TASK, made.ids["task_id"], lambda task: [], report_id="nothing"
    )

    assert (position, events) == (made.position, [])


async def test_a_report_that_another_node_stored_is_answered_as_it_is_stored(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        task_id = (await task_of(first, await acme(first))).ids["task_id"]
        await second.aggregates.load(TASK, task_id)
        await first.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="a"), report_id="other"
        )

        one = await first.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="b"), report_id="named"
        )
        two = await second.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="c"), report_id="named"
        )

        assert one == two
        assert (await second.aggregates.load(TASK, task_id)).position == one[0]


async def test_a_report_by_a_node_with_an_old_state_is_decided_again(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        task_id = (await task_of(first, await acme(first))).ids["task_id"]
        await second.aggregates.load(TASK, task_id)
        seen: list[TaskState] = []

        def decide(task: TaskState) -> list[Event]:
            seen.append(task)
            return list(task_named(task, branch="b"))

        await first.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="a"), report_id="one"
        )
        _, events = await second.reports.report(TASK, task_id, decide, report_id="two")

    assert len(seen) == 2
    assert [event.branch for event in events if isinstance(event, TaskNamed)] == ["b"]


async def test_a_report_that_no_longer_fits_an_old_state_stores_nothing(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        task_id = (await task_of(first, await acme(first))).ids["task_id"]
        await second.aggregates.load(TASK, task_id)
        newest, _ = await first.reports.report(
            TASK, task_id, lambda task: task_named(task, branch="a"), report_id="one"
        )

        answer = await second.reports.report(TASK, task_id, lambda task: [], report_id="two")

        assert answer == (newest, [])
        assert await memory_store.head() == newest


async def test_of_two_nodes_only_one_delivers_a_message(memory_store: MemoryStore) -> None:
    async with node_on(memory_store) as first, node_on(memory_store) as second:
        made = await task_of(first, await acme(first))
        task_id = TaskId(made.ids["task_id"])
        session_id = SessionId(made.ids["session_id"])
        message_id = MessageId(made.ids["message_id"])
        job_id = JobId(made.ids["job_id"])
        await first.reports.report(
            TASK,
            task_id,
            lambda task: [
                *session_ready(task, session_id=session_id),
                *task_provisioned(task, job_id=job_id),
            ],
            report_id="ready",
        )

        answers = await asyncio.gather(
            *(
                node.reports.report(
                    TASK,
                    task_id,
                    lambda task: message_delivered(
                        task, session_id=session_id, message_id=message_id
                    ),
                    report_id=f"deliver {number}",
                )
                for number, node in enumerate((first, second, first, second))
            )
        )

    assert sum(len(events) for _, events in answers) == 1


async def test_a_report_that_is_rejected_stores_nothing(node: Node) -> None:
    made = await task_of(node, await acme(node))

    def refuse(task: TaskState) -> list[Event]:
        raise Rejected("Stop.", code="fenced")

    with pytest.raises(Rejected):
        await node.reports.report(TASK, made.ids["task_id"], refuse, report_id="x")

    assert await node.store.head() == made.position
