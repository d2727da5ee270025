"""The same on the store that people use: two nodes, one key, one log."""

import asyncio
from time import monotonic

from commands.answers import Answer
from events.jetstream import JetStreamStore
from runtime.errors import FoundryError, Rejected
from tests.commands.node import acme, deaf_node_on, key, node_on, task_of


async def test_one_key_on_two_nodes_at_once_makes_one_commit(
    jetstream_store: JetStreamStore,
) -> None:
    async with node_on(jetstream_store) as first, node_on(jetstream_store) as second:
        place = await acme(first)
        head = await jetstream_store.head()

        answers = await asyncio.gather(
            *(task_of((first, second)[n % 2], place, key("create")) for n in range(10))
        )

        assert all(answer == answers[0] for answer in answers)
        assert await jetstream_store.head() == head + 1


async def test_one_key_with_two_bodies_on_two_nodes_at_once_is_refused_to_one(
    jetstream_store: JetStreamStore,
) -> None:
    async with node_on(jetstream_store) as first, deaf_node_on(jetstream_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.submit(place.owner, "task.rename", title="Known to both", **task)

        outcomes: tuple[Answer | BaseException, ...] = await asyncio.gather(
            first.submit(place.owner, "task.rename", key("k"), title="One", **task),
            second.submit(place.owner, "task.rename", key("k"), title="Two", **task),
            return_exceptions=True,
        )

    (refused,) = [one for one in outcomes if isinstance(one, FoundryError)]
    assert isinstance(refused, Rejected)
    assert refused.code == "key_reused"


async def test_a_retry_long_after_the_servers_own_memory_is_still_recognised(
    jetstream_store: JetStreamStore,
) -> None:
    # The server forgets message ids after 0.2 s here; only then the command comes again.
    async with node_on(jetstream_store) as node:
        place = await acme(node)
        made = await task_of(node, place, key("create"))
        task = {"task_id": made.ids["task_id"]}
        forgotten = monotonic() + 0.3
        while monotonic() < forgotten:
            await node.submit(place.owner, "task.rename", title=str(monotonic()), **task)

    async with deaf_node_on(jetstream_store) as restarted:
        answer = await task_of(restarted, place, key("create"))

    assert answer == made


async def test_old_states_on_the_other_node_lose_no_command(
    jetstream_store: JetStreamStore,
) -> None:
    async with node_on(jetstream_store) as first, deaf_node_on(jetstream_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}

        answers = await asyncio.gather(
            *(
                (first, second)[n % 2].submit(
                    place.owner, "task.rename", title=f"Title {n}", **task
                )
                for n in range(10)
            )
        )

    assert len({answer.position for answer in answers}) == 10


async def test_what_one_node_adds_the_other_finds_at_once(
    jetstream_store: JetStreamStore,
) -> None:
    async with node_on(jetstream_store) as first, node_on(jetstream_store) as second:
        place = await acme(first)
        for number in range(30):
            added = await first.submit(
                place.owner,
                "repository.add",
                organization_id=place.organization_id,
                remote_url=f"https://example.com/acme/{number}",
            )
            made = await second.submit(
                place.owner, "task.create", repository_id=added.ids["repository_id"], prompt="x"
            )
            assert made.events[0] == "task_created"
