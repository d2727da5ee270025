"""A history with a commit that nobody can read: commands about it wait until the log's owner leaves that commit out."""

import pytest

from commands.answers import Answer
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from events.store import subject_of
from runtime.errors import NotFound, Rejected, Unavailable
from runtime.problems import Forbidden
from tests import facts
from tests.commands.node import Acme, Node, acme, task_of

UNREADABLE = b'{"at":7,"actor":"usr_x","events":[{"type":"never_heard_of"}]}'


async def spoil(store: MemoryStore, subject: str) -> Position:
    """Put bytes on a subject that no version of the code ever wrote."""
    last = await store.last(subject)
    position = await store.append(
        subject,
        facts.commit(facts.task_renamed()),
        expected=last.position if last else BEGINNING,
        message_id=f"raw{await store.head()}",
    )
    stored = await store.at(position)
    assert stored is not None
    stored.body = UNREADABLE
    return position


async def poisoned(node: Node) -> tuple[Acme, Answer, Position]:
    place = await acme(node)
    made = await task_of(node, place)
    assert isinstance(node.store, MemoryStore)
    position = await spoil(node.store, subject_of("task", made.ids["task_id"]))
    node.aggregates.forget_all()
    return place, made, position


async def rename(node: Node, place: Acme, made: Answer, title: str) -> Answer:
    return await node.submit(place.owner, "task.rename", task_id=made.ids["task_id"], title=title)


async def test_a_command_about_it_is_refused_as_unreadable_until_the_commit_is_skipped(
    node: Node,
) -> None:
    place, made, position = await poisoned(node)
    with pytest.raises(Unavailable) as refusal:
        await rename(node, place, made, "One")
    assert refusal.value.code == "unreadable"
    assert str(position) in refusal.value.detail

    skipped = await node.submit(await node.owner(), "poison.skip", aggregate_id=made.ids["task_id"])
    answer = await rename(node, place, made, "Two")

    assert skipped.events == ["poison_skipped"]
    assert answer.events == ["task_renamed"]
    assert answer.position > skipped.position > position


async def test_commands_about_everything_else_are_taken_meanwhile(node: Node) -> None:
    place, _, _ = await poisoned(node)

    answer = await task_of(node, place)

    assert "task_created" in answer.events


async def test_of_several_bad_commits_each_needs_its_own_decision(node: Node) -> None:
    place, made, first = await poisoned(node)
    assert isinstance(node.store, MemoryStore)
    second = await spoil(node.store, subject_of("task", made.ids["task_id"]))
    owner, id = await node.owner(), made.ids["task_id"]

    await node.submit(owner, "poison.skip", aggregate_id=id)
    with pytest.raises(Unavailable, match=f"position {second}"):
        await rename(node, place, made, "One")
    await node.submit(owner, "poison.skip", aggregate_id=id, position=second)

    assert first < second
    assert (await rename(node, place, made, "Two")).events == ["task_renamed"]


async def test_only_the_owner_of_the_installation_decides(node: Node) -> None:
    _, made, _ = await poisoned(node)
    somebody = await node.person(await node.owner(), "Somebody")

    for name in ("poison.skip", "poison.retry"):
        with pytest.raises(Forbidden):
            await node.submit(somebody, name, aggregate_id=made.ids["task_id"])


async def test_a_stranger_does_not_learn_that_there_is_such_a_task(node: Node) -> None:
    _, made, _ = await poisoned(node)
    stranger = await node.person(await node.owner(), "Stranger")

    with pytest.raises(NotFound):
        await node.submit(stranger, "task.rename", task_id=made.ids["task_id"], title="Mine")


async def test_what_can_be_read_is_skipped_only_by_its_position(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    owner, id = await node.owner(), made.ids["task_id"]

    with pytest.raises(Rejected, match="can be read"):
        await node.submit(owner, "poison.skip", aggregate_id=id)
    with pytest.raises(Rejected, match="No commit"):
        await node.submit(owner, "poison.skip", aggregate_id=id, position=99)
    answer = await node.submit(owner, "poison.skip", aggregate_id=id, position=made.position)
    again = await node.submit(owner, "poison.skip", aggregate_id=id, position=made.position)

    assert (answer.events, again.events) == (["poison_skipped"], [])


@pytest.mark.parametrize("id", ["task_none", "log_events", "x", "msg_1"])
async def test_there_is_nothing_to_decide_about_what_never_was(node: Node, id: str) -> None:
    for name in ("poison.skip", "poison.retry"):
        with pytest.raises(NotFound):
            await node.submit(await node.owner(), name, aggregate_id=id)
