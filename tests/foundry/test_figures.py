"""What is measured is told to all who ask, and costs no more than a part of the node's time."""

import asyncio
import time
from itertools import pairwise

from foundry.figures import LONGEST_REST, REST, Figures

MAKING = 0.01


class Slow:
    """A text that takes a while to make, and says how many were made before it; `made` is from when to when, of each."""

    def __init__(self) -> None:
        self.made: list[tuple[float, float]] = []

    def __call__(self) -> bytes:
        begun = time.monotonic()
        while (ended := time.monotonic()) < begun + MAKING:
            pass
        self.made.append((begun, ended))
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
    for (begun, ended), (later, _) in pairwise(slow.made):
        assert later - ended >= min(REST * (ended - begun), LONGEST_REST) * 0.9


async def test_who_was_stopped_while_making_a_text_lets_the_next_one_wait_a_moment_only() -> None:
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


async def test_who_leaves_while_waiting_keeps_nobody_from_the_text() -> None:
    figures = Figures(Slow())
    await figures.text()
    leaving = asyncio.create_task(figures.text())
    staying = asyncio.create_task(figures.text())
    await asyncio.sleep(0)

    leaving.cancel()

    assert await staying == b"1"
