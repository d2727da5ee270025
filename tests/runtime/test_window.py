"""Questions wait for their turn here, in order; none is sent that nobody waits for, none is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from nats import errors

from runtime.connection import Connection, connect
from runtime.inbox import Answer, NoAnswer, NotSent
from runtime.nats_client import WAITING_BYTES
from runtime.window import LEAST, PERIOD_SECONDS, Window
from tests.nats_process import NatsServer


class Asked:
    """A question that keeps whether it was sent."""

    def __init__(self, sent: list["Asked"]) -> None:
        self._to = sent
        self.over = False

    def send(self) -> None:
        self._to.append(self)


def entered(window: Window, sent: list[Asked], count: int) -> list[Asked]:
    asked = [Asked(sent) for _ in range(count)]
    for one in asked:
        window.enter(one)
    return asked


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        yield connection


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_more_than_fit_leave_in_order_one_for_each_that_is_answered() -> None:
    window, sent = Window(), list[Asked]()
    asked = entered(window, sent, LEAST + 3)
    at_first = list(sent)

    window.leave(asked[4], answer=b"")
    window.leave(asked[4], answer=b"")
    window.leave(asked[0], answer=None)

    assert at_first == asked[:LEAST]
    assert sent == asked[: LEAST + 2]


def test_what_nobody_waits_for_any_more_is_not_sent() -> None:
    window, sent = Window(), list[Asked]()
    asked = entered(window, sent, LEAST + 3)

    window.leave(asked[LEAST], answer=None)
    asked[LEAST + 1].over = True
    window.leave(asked[0], answer=b"")

    assert sent == [*asked[:LEAST], asked[-1]]


def test_over_a_long_way_more_are_under_way_until_the_server_takes_no_more() -> None:
    clock, sent = Clock(), list[Asked]()
    window = Window(now=clock)
    seconds, most_a_second = 0.02, 2000

    for _ in range(10):
        ends_at = clock.now + PERIOD_SECONDS
        while clock.now <= ends_at:
            asked = entered(window, sent, window.size)
            clock.now += max(seconds, len(asked) / most_a_second)
            for one in asked:
                window.leave(one, answer=b"")

    assert 2 * seconds * most_a_second * 0.9 < window.size <= 2 * seconds * most_a_second * 1.1


def test_at_a_near_server_it_stays_small_however_many_there_are() -> None:
    clock, sent = Clock(), list[Asked]()
    window = Window(now=clock)
    [alone] = entered(window, sent, 1)
    clock.now += 0.0004
    window.leave(alone, answer=b"")

    for _ in range(1000):
        asked = entered(window, sent, window.size)
        clock.now += len(asked) * 0.00014
        for one in asked:
            window.leave(one, answer=b"")

    assert window.size == LEAST


def test_what_is_refused_at_once_does_not_make_a_long_way_short() -> None:
    clock, sent = Clock(), list[Asked]()
    window = Window(lambda answer: answer == b"stored", now=clock)
    seconds = 0.02

    for _ in range(20):
        [refused] = entered(window, sent, 1)
        clock.now += 0.0002
        window.leave(refused, answer=b"refused")
        asked = entered(window, sent, window.size)
        clock.now += seconds
        for one in asked:
            window.leave(one, answer=b"stored")

    assert window.size > LEAST


def test_of_a_way_on_which_all_was_refused_nothing_is_known() -> None:
    clock, sent = Clock(), list[Asked]()
    window = Window(lambda answer: False, now=clock)
    for _ in range(3):
        [refused] = entered(window, sent, 1)
        clock.now += PERIOD_SECONDS
        window.leave(refused, answer=b"refused")

    assert window.size == LEAST


async def test_what_never_had_its_turn_is_known_not_to_have_been_sent(
    connection: Connection,
) -> None:
    heard = await connection.client.subscribe("silence")
    ask = partial(connection.request, "silence", b"", window=Window())
    under_way = [asyncio.create_task(ask(within=60)) for _ in range(LEAST)]
    await asyncio.sleep(0)

    with pytest.raises(NotSent):
        await ask(within=0.05)

    await connection.client.flush()
    for one in under_way:
        one.cancel()
    assert heard.pending_msgs == LEAST


async def test_what_is_not_answered_in_time_gives_its_turn_to_the_next(
    connection: Connection,
) -> None:
    heard = await connection.client.subscribe("silence")
    ask = partial(connection.request, "silence", b"", window=Window())
    late = [asyncio.create_task(ask(within=0.05)) for _ in range(LEAST)]
    next_one = asyncio.create_task(ask(within=60))

    outcomes = await asyncio.gather(*late, return_exceptions=True)
    while heard.pending_msgs <= LEAST:
        await connection.client.flush()
    next_one.cancel()

    assert {type(one) for one in outcomes} == {NoAnswer}


async def test_one_that_cannot_be_sent_fails_alone(connection: Connection) -> None:
    service = await connection.client.subscribe("questions")
    window = Window()
    too_large = b"x" * (connection.max_payload + 1)
    bodies = [b"small"] * LEAST + [too_large, b"last"]
    asked = [
        asyncio.create_task(connection.request("questions", body, within=10, window=window))
        for body in bodies
    ]

    for _ in range(len(bodies) - 1):
        question = await service.next_msg(timeout=10)
        await question.respond(question.data)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    answers = [one.data for one in outcomes if isinstance(one, Answer)]
    assert answers == [b"small"] * LEAST + [b"last"]
    assert isinstance(outcomes[-2], NotSent)


async def test_what_is_sent_in_one_turn_of_the_loop_leaves_in_one_write(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sizes = connection.client, list[int]()
    await client.flush()
    transport = client._transport
    assert transport is not None
    write = transport.writelines

    def counted(pieces: list[bytes]) -> None:
        sizes.append(len(pieces))
        write(pieces)

    monkeypatch.setattr(transport, "writelines", counted)
    for _ in range(5):
        client.send("anywhere", "", b"", None)
    assert sizes == []
    await asyncio.sleep(0)
    with client.sent_together():
        client.send("anywhere", "", b"", None)
        client.send("anywhere", "", b"", None)
        assert sizes == [5]

    assert sizes == [5, 2]


async def test_what_has_not_left_yet_counts_as_waiting(connection: Connection) -> None:
    for _ in range(16):
        connection.client.send("anywhere", "", b"x" * (WAITING_BYTES // 16))

    with pytest.raises(errors.OutboundBufferLimitError):
        connection.client.send("anywhere", "", b"")
