"""Drafts: one commit a second for one person in one session, the newest text wins."""

import asyncio

from commands.drafts import DraftPace
from events.ids import Timestamp
from events.memory import MemoryStore
from runtime.errors import FoundryError
from runtime.identity import Caller
from tests.commands.node import Node, acme, key, node_on, task_of


async def test_later_drafts_within_the_second_are_held_and_only_the_newest_is_kept(
    node: Node,
) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    session = {name: made.ids[name] for name in ("task_id", "session_id")}
    draft = "agent_session.update_draft"

    first = await node.submit(place.owner, draft, text="a", **session)
    held = [
        asyncio.create_task(node.submit(place.owner, draft, text=text, **session))
        for text in ("ab", "abc")
    ]
    superseded = await held[0]
    sent = await node.submit(place.owner, "agent_session.send", text="abc", **session)
    cleared = await held[1]

    assert first.events == ["draft_updated"]
    assert (superseded.events, superseded.position) == ([], first.position)
    assert sent.events == ["message_queued"]
    assert cleared.events == []


async def test_a_draft_that_is_overtaken_is_refused_as_it_would_be_else(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    other = await acme(node, await node.person(place.owner, "Bert"))
    session = {name: made.ids[name] for name in ("task_id", "session_id")}
    never = {**session, "session_id": "ses_never"}
    await node.submit(place.owner, "organization.select", organization_id=place.organization_id)

    async def quickly(caller: Caller, **fields: object) -> list[str]:
        answers = await asyncio.gather(
            *(
                node.submit(caller, "agent_session.update_draft", text=text, **fields)
                for text in ("a", "ab", "abc")
            ),
            return_exceptions=True,
        )
        return [one.code if isinstance(one, FoundryError) else "accepted" for one in answers]

    assert await quickly(place.owner, **never) == ["not_found"] * 3
    assert await quickly(other.owner, **session) == ["not_found"] * 3
    assert await quickly(place.owner, **session, expected_version=0) == ["version_mismatch"] * 3
    assert await quickly(place.owner, **session, if_match='"0"') == ["version_mismatch"] * 3


async def test_a_held_draft_that_another_node_stored_is_answered_as_stored(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as one, node_on(memory_store) as other:
        place = await acme(one)
        made = await task_of(one, place)
        session = {name: made.ids[name] for name in ("task_id", "session_id")}
        draft = "agent_session.update_draft"
        await one.submit(place.owner, draft, text="a", **session)

        held = asyncio.create_task(one.submit(place.owner, draft, key("k"), text="ab", **session))
        async with asyncio.timeout(20):
            while not one.commands._drafts._held:
                await asyncio.sleep(0)
        stored = await other.submit(place.owner, draft, key("k"), text="ab", **session)
        await one.submit(place.owner, "agent_session.send", text="abc", **session)

        assert await held == stored
        assert stored.events == ["draft_updated"]


async def test_a_held_draft_goes_when_its_second_is_over() -> None:
    pace = DraftPace(lambda: Timestamp(1000), interval_ms=5)

    assert await pace.newest("usr_1", "ses_1")
    assert await pace.newest("usr_1", "ses_1")


async def test_drafts_of_other_sessions_and_people_are_not_held() -> None:
    pace = DraftPace(lambda: Timestamp(1000), interval_ms=60_000)

    async with asyncio.timeout(1):
        assert await pace.newest("usr_1", "ses_1")
        assert await pace.newest("usr_1", "ses_2")
        assert await pace.newest("usr_2", "ses_1")
