"""One at a time for each name, in the order in which they came, and nobody is forgotten when one gives up."""

import asyncio

from runtime.keyed_locks import KeyedLocks


class Room:
    """Notes who is inside, and who was there first."""

    def __init__(self) -> None:
        self.locks = KeyedLocks()
        self.inside: list[str] = []
        self.order: list[str] = []

    async def visit(self, name: str, visitor: str, until: asyncio.Event) -> None:
        async with self.locks.of(name):
            self.inside.append(visitor)
            self.order.append(visitor)
            await until.wait()
            self.inside.remove(visitor)


async def turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_of_one_name_follow_in_the_order_in_which_they_came() -> None:
    room, leave = Room(), [asyncio.Event() for _ in range(4)]
    visits = [asyncio.create_task(room.visit("a", str(n), leave[n])) for n in range(4)]

    for n in range(4):
        await turns_of_the_loop()
        assert room.inside == [str(n)]
        leave[n].set()
    await asyncio.gather(*visits)

    assert room.order == ["0", "1", "2", "3"]
    assert "a" not in room.locks


async def test_those_of_other_names_do_not_wait() -> None:
    room, leave = Room(), asyncio.Event()
    visits = [asyncio.create_task(room.visit(name, name, leave)) for name in ("a", "b")]
    await turns_of_the_loop()

    assert room.inside == ["a", "b"]
    assert "a" in room.locks
    leave.set()
    await asyncio.gather(*visits)


async def test_who_gives_up_while_waiting_is_passed_over() -> None:
    room, leave = Room(), asyncio.Event()
    first, second, third = (
        asyncio.create_task(room.visit("a", visitor, leave)) for visitor in ("1", "2", "3")
    )
    await turns_of_the_loop()
    second.cancel()
    await turns_of_the_loop()

    leave.set()
    await asyncio.gather(first, third)

    assert room.order == ["1", "3"]
    assert "a" not in room.locks


async def test_who_gives_up_as_its_turn_comes_hands_it_on() -> None:
    room, leave = Room(), asyncio.Event()
    locks = room.locks
    await locks.take("a")
    second, third = (asyncio.create_task(room.visit("a", visitor, leave)) for visitor in ("2", "3"))
    await turns_of_the_loop()

    locks.give("a")
    second.cancel()
    await turns_of_the_loop()

    assert room.inside == ["3"]
    leave.set()
    await third
    assert second.cancelled()
    assert "a" not in locks


async def test_an_error_inside_lets_the_next_one_in() -> None:
    room, leave = Room(), asyncio.Event()
    leave.set()

    async def fails() -> None:
        async with room.locks.of("a"):
            await asyncio.sleep(0)
            raise ValueError

    failing = asyncio.create_task(fails())
    visit = asyncio.create_task(room.visit("a", "2", leave))

    outcomes = await asyncio.gather(failing, visit, return_exceptions=True)

    assert isinstance(outcomes[0], ValueError)
    assert room.order == ["2"]
