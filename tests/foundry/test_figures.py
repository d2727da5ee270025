"""What is measured is told to all who ask, and costs no more than a part of the node's time."""

import asyncio
import time
from itertools import pairwise

from foundry.figures import REST, Figures

MAKING = 0.01


class Slow:
    """A text that takes a while of work to make, and says how many were made before it; `made` is from when to when, of each."""

    def __init__(self) -> None:
        self.made: list[tuple[float, float]] = []

    def __call__(self) -> bytes:
        begun, until = time.monotonic(), time.thread_time() + MAKING
        while time.thread_time() < until:
            pass
        self.made.append((begun, time.monotonic()))
        return b"%d" % (len(self.made) - 1)


async def test_all_who_ask_at_once_are_given_one_text() -> None:
    figures = Figures(Slow())

    assert set(await asyncio.gather(*(figures.text() for _ in range(100)))) == {b"0"}


async def test_nobody_is_given_a_text_from_before_the_question() -> None:
    figures = Figures(Slow())

    assert [await figures.text() for _ in range(3)] == [b"0", b"1", b"2"]


async def test_those_who_ask_again_and_again_leave_time_to_everybody_else() -> None:
    slow = Slow()
    figures = Figures(slow)

    async def ask() -> None:
        for _ in range(5):
            await figures.text()

    await asyncio.gather(*(ask() for _ in range(20)))

    assert len(slow.made) == 5
    for (_, ended), (later, _) in pairwise(slow.made):
        assert later - ended >= REST * MAKING * 0.9


async def test_who_was_stopped_while_making_a_text_does_not_let_the_next_one_wait_for_that() -> (
    None
):
    stops = [lambda: time.sleep(2.5)]

    def make() -> bytes:
        if stops:
            stops.pop()()
        return b"text"

    figures = Figures(make)
    await figures.text()

    async with asyncio.timeout(20):
        assert await figures.text() == b"text"


async def test_a_text_that_could_not_be_made_is_made_for_the_next_who_waits() -> None:
    divisors = [1, 0]
    figures = Figures(lambda: b"%d" % (1 / divisors.pop()))

    failed, made = await asyncio.gather(figures.text(), figures.text(), return_exceptions=True)

    assert isinstance(failed, ZeroDivisionError)
    assert made == b"1"
