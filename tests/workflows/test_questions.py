"""What an agent asks of a person in a turn: it is put and answered, or it is said why not."""

import asyncio

import pytest

from tests.workflows.table import Table
from workflows.acp_words import GOES_ON
from workflows.turn import NO_OPTIONS, NONE_ALLOWS, TOO_MUCH


async def test_a_question_nobody_could_answer_is_answered_at_once_and_seen(table: Table) -> None:
    turn = await table.turn("ask nothing")

    async with asyncio.timeout(5):
        await turn.run(table.agent)

    said = await table.said()
    assert await table.ended() == ["end_turn"]
    assert ("system", f"Delete everything ({NO_OPTIONS})") in said
    assert ("agent", '{"outcome": "cancelled"}') in said


@pytest.mark.parametrize("words", [300_000, 5])
async def test_a_question_of_any_length_is_put_and_answered(table: Table, words: int) -> None:
    turn = await table.turn(f"ask in {words}")
    running = asyncio.create_task(turn.run(table.agent))

    async with asyncio.timeout(20):
        asked = await table.asked()
        turn.answer(asked.request_id, "no")
        await running

    assert asked.title == ("rm " * words if words == 5 else "rm " * 4000 + GOES_ON)
    assert ("agent", '{"outcome": "selected", "optionId": "no"}') in await table.said()


async def test_a_question_with_more_to_choose_from_than_can_be_stored_says_so(table: Table) -> None:
    turn = await table.turn("ask between 900000")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    said = await table.said()
    assert await table.ended() == ["end_turn"]
    assert ("system", f"Delete everything ({TOO_MUCH})") in said
    assert ("agent", '{"outcome": "cancelled"}') in said


async def test_of_options_by_one_name_the_first_is_put_and_the_answer_noted_once(
    table: Table,
) -> None:
    turn = await table.turn("ask twice")
    running = asyncio.create_task(turn.run(table.agent))

    async with asyncio.timeout(20):
        asked = await table.asked()
        turn.answer(asked.request_id, "yes")
        await running

    notes = [text for sender, text in await table.said() if sender == "system"]
    assert [(option.id, option.name) for option in asked.options] == [("yes", "Yes"), ("no", "No")]
    assert notes[-1] == "Answered: Yes."
    assert sum(text.startswith("Answered") for text in notes if text) == 1


async def test_a_policy_that_finds_nothing_to_allow_says_so(table: Table) -> None:
    turn = await table.turn("ask no way", permissions="allow")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    said = await table.said()
    assert ("system", f"Delete everything ({NONE_ALLOWS})") in said
    assert ("agent", '{"outcome": "cancelled"}') in said
