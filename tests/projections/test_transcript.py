"""`transcript/<session>`: the newest entries, pages back, and what a client is told."""

import msgspec

from events.fact import Attachment, Blob
from events.ids import TaskId, Timestamp
from events.transcript import Entry
from projectors.transcript import WINDOW
from tests import facts
from tests.facts import commit
from tests.projections.world import World

TRANSCRIPT = "transcript/ses_1"


async def say(world: World, count: int, *, first_index: int) -> None:
    entries = [facts.entry(str(index)) for index in range(first_index, first_index + count)]
    await world.happen(commit(facts.entries_appended(*entries, first_index=first_index)))


async def begin(world: World) -> None:
    await world.happen(commit(facts.task_created(), facts.session_created()))


async def test_an_announced_session_has_an_empty_transcript(world: World) -> None:
    await begin(world)

    assert await world.view(TRANSCRIPT) == {
        "id": "ses_1",
        "task_id": "task_1",
        "first_index": 1,
        "last_index": 0,
        "entries": [],
    }


async def test_entries_show_who_said_what_in_one_of_three_forms(world: World) -> None:
    await begin(world)
    at = Timestamp(5)
    await world.happen(
        commit(
            facts.entries_appended(
                Entry(
                    sender="user",
                    kind="message",
                    at=at,
                    text="Hi",
                    message_id=facts.MESSAGE,
                    command_id="c1",
                    attachments=(Attachment(id="1", path="a.py", line=3),),
                ),
                Entry(sender="tool", kind="tool_call", at=at, payload={"title": "ls", "n": [1]}),
                Entry(sender="agent", kind="resource", at=at, blob=Blob(id="ab", size=3)),
            )
        )
    )

    assert (await world.view(TRANSCRIPT))["entries"] == [
        {
            "id": "1",
            "index": 1,
            "sender": "user",
            "kind": "message",
            "message_id": "msg_1",
            "command_id": "c1",
            "text": "Hi",
            "attachments": [{"id": "1", "path": "a.py", "line": 3}],
            "at": 5,
        },
        {
            "id": "2",
            "index": 2,
            "sender": "tool",
            "kind": "tool_call",
            "message_id": None,
            "payload": {"title": "ls", "n": [1]},
            "at": 5,
        },
        {
            "id": "3",
            "index": 3,
            "sender": "agent",
            "kind": "resource",
            "message_id": None,
            "blob": {"id": "ab", "size": 3},
            "at": 5,
        },
    ]


async def test_the_newest_are_shown_and_pages_lead_back_to_the_first(world: World) -> None:
    await begin(world)
    await say(world, 450, first_index=1)

    shown = await world.view(TRANSCRIPT)
    assert (shown["first_index"], shown["last_index"]) == (1, 450)
    assert [one["index"] for one in shown["entries"]] == list(range(251, 451))

    seen: list[int] = []
    before = shown["entries"][0]["index"]
    while before > 1:
        page = await world.models.page(TRANSCRIPT, before=before, limit=100)
        assert page is not None
        data = msgspec.json.decode(page.data)
        assert (data["id"], data["last_index"]) == ("ses_1", 450)
        seen = [one["index"] for one in data["entries"]] + seen
        before = seen[0]
    assert seen == list(range(1, 251))


async def test_a_new_entry_pushes_the_oldest_out_of_the_window(world: World) -> None:
    await begin(world)
    await say(world, WINDOW, first_index=1)
    before = len(world.told)

    await say(world, 2, first_index=WINDOW + 1)

    [change] = world.told[before:]
    told = [
        (operation["op"], operation["entity"], operation["id"])
        for operation in msgspec.json.decode(change.changes)
    ]
    assert sorted(told) == [
        ("put", "entry", "201"),
        ("put", "entry", "202"),
        ("put", "self", "ses_1"),
        ("remove", "entry", "1"),
        ("remove", "entry", "2"),
    ]


async def test_entries_that_were_appended_already_are_not_doubled(world: World) -> None:
    await begin(world)
    await say(world, 3, first_index=1)
    await say(world, 3, first_index=2)

    assert [one["text"] for one in (await world.view(TRANSCRIPT))["entries"]] == list("1234")


async def test_another_task_cannot_write_into_a_transcript(world: World) -> None:
    await begin(world)
    thief = TaskId("task_2")
    told = await world.happen(
        commit(facts.session_created(thief)),
        commit(facts.entries_appended(facts.entry(), task=thief)),
    )

    assert TRANSCRIPT not in [change.topic for change in told]
    assert (await world.view(TRANSCRIPT))["task_id"] == "task_1"


async def test_only_transcripts_have_pages(world: World) -> None:
    await begin(world)

    assert await world.models.page("task/task_1", before=9, limit=9) is None
    assert await world.models.page("transcript/ses_none", before=9, limit=9) is None
