"""Commands that make something, and those that find it made already."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from commands.task import TASK
from commands.task_reports import task_provisioned
from events.ids import JobId, Position
from events.memory import MemoryStore
from runtime.errors import Conflict, Invalid, Rejected, Unavailable
from runtime.problems import TooLarge
from tests.commands.node import Node, acme, key, node_on, task_of


async def test_creating_a_task_answers_its_ids_and_one_commit(node: Node) -> None:
    place = await acme(node)

    answer = await task_of(node, place)

    assert answer.events == [
        "task_created",
        "agent_session_created",
        "message_queued",
        "job_announced",
    ]
    assert {"task_id", "session_id", "message_id", "job_id"} <= answer.ids.keys()
    assert answer.position == await node.store.head()


async def test_a_create_takes_the_id_it_is_given_once(node: Node) -> None:
    place = await acme(node)

    made = await task_of(node, place, task_id="task_mine")

    assert made.ids["task_id"] == "task_mine"
    with pytest.raises(Conflict) as refused:
        await task_of(node, place, task_id="task_mine")
    assert refused.value.code == "already_exists"


async def test_an_id_that_something_of_others_has_cannot_be_taken(node: Node) -> None:
    place = await acme(node)
    other = await acme(node, await node.person(place.owner, "Bert"))
    session_id = (await task_of(node, place)).ids["session_id"]
    task_id = (await task_of(node, other)).ids["task_id"]

    with pytest.raises(Conflict):
        await node.submit(
            other.owner, "agent_session.create", task_id=task_id, session_id=session_id
        )
    with pytest.raises(Conflict):
        await node.submit(
            other.owner,
            "repository.add",
            organization_id=other.organization_id,
            remote_url="https://example.com/acme/other",
            repository_id=place.repository_id,
        )


async def test_an_id_chosen_in_two_tasks_at_once_is_had_by_one(node: Node) -> None:
    place = await acme(node)
    tasks = [(await task_of(node, place)).ids["task_id"] for _ in range(2)]

    answers = await asyncio.gather(
        *(
            node.submit(place.owner, "agent_session.create", task_id=task, session_id="ses_chosen")
            for task in tasks
        ),
        return_exceptions=True,
    )

    assert [answer.code for answer in answers if isinstance(answer, Conflict)] == ["already_exists"]


async def test_a_repository_that_was_added_elsewhere_a_moment_ago_is_found(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, node_on(memory_store) as second:
        place = await acme(first)

        answer = await task_of(second, place)

    assert answer.events[0] == "task_created"


async def test_a_message_that_would_not_fit_into_one_commit_is_too_large(node: Node) -> None:
    place = await acme(node)
    ids = (await task_of(node, place)).ids
    # Stored text has this as six characters.
    places = [{"id": "one", "path": "a", "text": "\x01" * 200_000}]

    with pytest.raises(TooLarge):
        await node.submit(
            place.owner,
            "agent_session.send",
            task_id=ids["task_id"],
            session_id=ids["session_id"],
            text="x",
            attachments=places,
        )


async def test_a_second_refresh_answers_the_job_that_is_open_already(node: Node) -> None:
    place = await acme(node)
    added = await node.store.last(f"evt.organization.{place.organization_id}")
    assert added is not None

    answer = await node.submit(place.owner, "repository.refresh", repository_id=place.repository_id)

    assert answer.events == []
    assert answer.ids["job_id"] == added.commit.ids["job_id"]


async def test_a_second_archive_answers_the_job_that_is_open_already(node: Node) -> None:
    place = await acme(node)
    task = {"task_id": (await task_of(node, place)).ids["task_id"]}

    first = await node.submit(place.owner, "task.archive", **task)
    second = await node.submit(place.owner, "task.archive", **task)

    assert (second.events, second.ids) == ([], first.ids)


async def test_a_repository_is_not_removed_while_a_task_is_at_work(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)

    with pytest.raises(Rejected):
        await node.submit(place.owner, "repository.remove", repository_id=place.repository_id)
    await node.submit(
        place.owner,
        "agent_session.cancel_message",
        task_id=made.ids["task_id"],
        session_id=made.ids["session_id"],
        message_id=made.ids["message_id"],
    )
    await node.reports.report(
        TASK,
        made.ids["task_id"],
        lambda task: task_provisioned(task, job_id=JobId(made.ids["job_id"])),
        report_id="provisioned",
    )
    gone = await node.submit(place.owner, "repository.remove", repository_id=place.repository_id)

    assert gone.events == ["repository_removed"]


async def test_a_local_path_outside_the_allowed_folder_is_malformed(node: Node) -> None:
    place = await acme(node)

    with pytest.raises(Invalid):
        await node.submit(
            place.owner,
            "repository.add",
            organization_id=place.organization_id,
            remote_url="/etc",
        )


async def test_a_store_that_cannot_be_reached_makes_nothing_certain_and_the_key_settles_it(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await acme(node)
    append = node.store.append

    async def stored_and_lost(*args: object, **more: object) -> Position:
        await append(*args, **more)  # type: ignore[arg-type]
        raise Unavailable("The answer was lost.")

    with monkeypatch.context() as broken:
        broken.setattr(node.store, "append", stored_and_lost)
        with pytest.raises(Unavailable):
            await task_of(node, place, key("create"))
    head = await node.store.head()

    answer = await task_of(node, place, key("create"))

    assert (answer.position, await node.store.head()) == (head, head)


async def test_a_command_whose_sender_leaves_did_not_fail(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await acme(node)
    appending = asyncio.Event()

    async def stored_never(*_: object, **__: object) -> None:
        appending.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(node.store, "append", stored_never)
    answered = {one: _answered("task.create", one) for one in ("left", "failed")}
    sent = asyncio.create_task(task_of(node, place))
    await appending.wait()

    sent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent

    assert _answered("task.create", "left") == answered["left"] + 1
    assert _answered("task.create", "failed") == answered["failed"]


def _answered(name: str, outcome: str) -> float:
    labels = {"name": name, "outcome": outcome}
    return REGISTRY.get_sample_value("foundry_commands_total", labels) or 0.0
