"""An answer of many messages of which one is lost: noticed, and asked for anew. What loses it stands in the place of a stream."""

from collections.abc import Callable

import pytest
from nats.aio.msg import Msg

from events import codec
from events.ids import BEGINNING, Position
from events.jetstream_api import JetStreamApi
from events.jetstream_messages import Messages
from events.store import Limit
from runtime.connection import Connection
from runtime.errors import Unavailable
from tests.contracts.sample_commits import ANNA, commit

STREAM = "LOSING"
HISTORY = range(1, 6)


async def messages(
    connection: Connection, loses: Callable[[int], set[int]], patience: float
) -> Messages:
    """Reads of a history of five. `loses`: the messages that do not come, for each asking (0, 1, …); 0 is the end."""
    asked = 0

    async def answer(question: Msg) -> None:
        nonlocal asked
        lost, asked = loses(asked), asked + 1
        for position in HISTORY:
            head = {
                "Nats-Sequence": str(position),
                "Nats-Last-Sequence": str(position - 1),
                "Nats-Subject": ANNA,
                "Nats-Msg-Id": f"{ANNA}/m{position}",
            }
            if position not in lost:
                body = codec.encode(commit(str(position)))
                await connection.client.publish(question.reply, body, headers=head)
        end = (
            f"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: {HISTORY[-1]}\r\n\r\n"
        )
        if 0 not in lost:
            await send_raw(connection, question.reply, end)

    await connection.client.subscribe(f"$JS.API.DIRECT.GET.{STREAM}", cb=answer)
    api = JetStreamApi(connection, STREAM, attempt=0.3, patience=patience)
    return Messages(api, replicated=False)


async def send_raw(connection: Connection, subject: str, header: str) -> None:
    """A message that is nothing but a header with a status, which nats-py writes for nobody."""
    block = header.encode()
    command = f"HPUB {subject} {len(block)} {len(block)}\r\n".encode() + block + b"\r\n"
    await connection.client._send_command(command)
    await connection.client.flush()


@pytest.mark.parametrize("lost", [{1}, {3}, {5}, {2, 3}, {0}])
async def test_what_was_lost_on_the_way_is_asked_for_again(
    nats_connection: Connection, lost: set[int]
) -> None:
    losing = await messages(
        nats_connection, lambda asked: lost if asked < 2 else set(), patience=20
    )

    found = await losing.history(ANNA, after=BEGINNING)

    assert [one.position for one in found] == [Position(number) for number in HISTORY]
    assert [one.message_id for one in found] == [f"m{number}" for number in HISTORY]
    assert [one.commit for one in found] == [commit(str(number)) for number in HISTORY]


async def test_no_page_is_asked_for_that_nobody_wants(nats_connection: Connection) -> None:
    losing = await messages(nats_connection, lambda asked: set() if asked == 0 else {0}, patience=1)

    found = await losing.history(ANNA, after=BEGINNING, limit=Limit(commits=2))

    assert [one.position for one in found] == [1, 2]


async def test_a_history_of_which_a_part_never_comes_is_no_history(
    nats_connection: Connection,
) -> None:
    losing = await messages(nats_connection, lambda _: {2}, patience=1)

    with pytest.raises(Unavailable):
        await losing.history(ANNA, after=BEGINNING)
