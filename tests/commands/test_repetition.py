"""A command that comes again, and nodes that know only old states."""

import asyncio

import pytest

from commands.task_commands import RenameTask
from events.memory import MemoryStore
from runtime.errors import Rejected
from tests.commands.node import Node, acme, deaf_node_on, key, node_on, task_of

# --- Coming again ---


async def test_the_same_key_again_gives_the_same_answer_after_all_caches_are_gone(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first:
        place = await acme(first)
        before = await task_of(first, place, key("create"))
    head = await memory_store.head()

    async with node_on(memory_store) as second:
        again = await task_of(second, place, key("create"))
    async with deaf_node_on(memory_store) as third:
        own = {"task_id": before.ids["task_id"], "title": "Mend login"}
        renamed = await third.submit(place.owner, "task.rename", key("rename"), **own)
        once_more = await third.submit(place.owner, "task.rename", key("rename"), **own)

    assert again == before
    assert once_more == renamed
    assert await memory_store.head() == head + 1


async def test_a_retry_is_answered_although_the_caller_may_not_do_it_any_more(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    of_bert = {"organization_id": place.organization_id, "user_id": bert.user_id}
    await node.submit(place.owner, "organization.add_member", role="member", **of_bert)
    task = {"repository_id": place.repository_id, "prompt": "Fix login"}
    made = await node.submit(bert, "task.create", key("create"), **task)
    await node.submit(place.owner, "organization.remove_member", **of_bert)

    assert await node.submit(bert, "task.create", key("create"), **task) == made


async def test_an_id_that_the_server_made_may_be_sent_as_the_key_of_a_repetition(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as deaf:
        place = await acme(first)
        one, two = [(await task_of(first, place)).ids["task_id"] for _ in range(2)]
        rename = RenameTask(task_id=one, title="One")
        made = await deaf.commands.handle(place.owner, "task.rename", rename)
        fields = {"task_id": one, "title": "One"}
        again = await deaf.submit(place.owner, "task.rename", made.command_id, **fields)

        with pytest.raises(Rejected) as refused:
            await deaf.submit(
                place.owner, "task.rename", made.command_id, **{**fields, "task_id": two}
            )

    assert again == made
    assert refused.value.code == "key_reused"


async def test_a_key_with_another_body_is_refused(node: Node) -> None:
    place = await acme(node)
    task = {"task_id": (await task_of(node, place)).ids["task_id"]}
    await node.submit(place.owner, "task.rename", key("k"), title="One", **task)

    with pytest.raises(Rejected) as refused:
        await node.submit(place.owner, "task.rename", key("k"), title="Two", **task)

    assert refused.value.code == "key_reused"


async def test_a_key_that_was_used_for_another_aggregate_is_refused(node: Node) -> None:
    place = await acme(node)
    one = (await task_of(node, place)).ids["task_id"]
    two = (await task_of(node, place)).ids["task_id"]
    used = await node.submit(place.owner, "task.rename", key("k"), task_id=one, title="One")
    await node.reached(used.position)

    with pytest.raises(Rejected) as refused:
        await node.submit(place.owner, "task.rename", key("k"), task_id=two, title="One")

    assert refused.value.code == "key_reused"


async def test_a_key_that_was_used_for_another_aggregate_is_refused_before_the_tail_tells_of_it(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as deaf:
        place = await acme(first)
        one, two = [(await task_of(first, place)).ids["task_id"] for _ in range(2)]
        await deaf.submit(place.owner, "task.rename", key("k"), task_id=one, title="One")

        with pytest.raises(Rejected) as refused:
            await deaf.submit(place.owner, "task.rename", key("k"), task_id=two, title="One")

    assert refused.value.code == "key_reused"


async def test_a_key_that_is_used_for_many_aggregates_at_once_is_accepted_for_one(
    node: Node,
) -> None:
    place = await acme(node)
    tasks = [(await task_of(node, place)).ids["task_id"] for _ in range(6)]

    answers = await asyncio.gather(
        *(
            node.submit(place.owner, "task.rename", key("k"), task_id=task, title="One")
            for task in tasks
        ),
        return_exceptions=True,
    )

    refused = [answer.code for answer in answers if isinstance(answer, Rejected)]
    assert refused == ["key_reused"] * 5


async def test_a_key_belongs_to_its_caller_and_its_command(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    task = (await task_of(node, place, key("k"))).ids["task_id"]

    named = await node.submit(place.owner, "task.rename", key("k"), task_id=task, title="One")
    made = await node.submit(bert, "organization.create", key("k"), name="Bert's")

    assert (named.events, made.events) == (["task_renamed"], ["organization_created"])


async def test_a_key_with_another_body_is_refused_by_a_node_that_knows_nothing_of_it_yet(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.submit(place.owner, "task.rename", title="Known to both", **task)
        await first.submit(place.owner, "task.rename", key("k"), title="One", **task)

        with pytest.raises(Rejected) as refused:
            await second.submit(place.owner, "task.rename", key("k"), title="Two", **task)

    assert refused.value.code == "key_reused"


async def test_what_changes_nothing_answers_the_last_position_and_no_events(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"]}
    named = await node.submit(place.owner, "task.rename", title="One", **task)
    await node.submit(place.owner, "organization.create", name="Something else")

    again = await node.submit(place.owner, "task.rename", title="One", **task)

    assert (again.events, again.position) == ([], named.position)


async def test_many_requests_with_one_key_at_once_make_one_commit(node: Node) -> None:
    place = await acme(node)
    head = await node.store.head()

    answers = await asyncio.gather(*(task_of(node, place, key("create")) for _ in range(20)))

    assert all(answer == answers[0] for answer in answers)
    assert await node.store.head() == head + 1


# --- Racing ---


async def test_two_nodes_that_know_only_old_states_lose_no_command(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.submit(place.owner, "task.rename", title="Known to both", **task)

        titles = [f"Title {number}" for number in range(20)]
        answers = await asyncio.gather(
            *(
                (first, second)[number % 2].submit(place.owner, "task.rename", title=title, **task)
                for number, title in enumerate(titles)
            )
        )

    assert len({answer.position for answer in answers}) == 20


async def test_a_node_that_finds_its_command_stored_by_another_one_misses_nothing_before_it(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.submit(place.owner, "task.rename", key("before"), title="Before", **task)
        created = await first.submit(place.owner, "agent_session.create", key("create"), **task)
        renamed = await first.submit(
            place.owner, "task.rename", key("rename"), title="After", **task
        )

        again = await second.submit(
            place.owner, "task.rename", key("rename"), title="After", **task
        )
        session = {**task, "session_id": created.ids["session_id"]}
        sent = await second.submit(place.owner, "agent_session.send", text="hello", **session)

    assert again == renamed
    assert sent.events == ["message_queued"]


async def test_an_old_state_answers_neither_nothing_to_do_nor_a_refusal(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        made = await task_of(first, place)
        session = {name: made.ids[name] for name in ("task_id", "session_id")}
        await second.submit(place.owner, "task.rename", task_id=made.ids["task_id"], title="One")
        await first.submit(place.owner, "task.rename", task_id=made.ids["task_id"], title="Two")
        more = await first.submit(place.owner, "agent_session.create", task_id=session["task_id"])

        back = await second.submit(
            place.owner, "task.rename", task_id=made.ids["task_id"], title="One"
        )
        sent = await second.submit(
            place.owner,
            "agent_session.send",
            task_id=session["task_id"],
            session_id=more.ids["session_id"],
            text="hello",
        )

    assert (back.events, sent.events) == (["task_renamed"], ["message_queued"])
