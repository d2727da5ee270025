"""One ephemeral consumer of the stream and the pulls on it: it lives as long as everything goes well."""

import asyncio
import logging
from collections import deque
from contextlib import suppress

import msgspec
from msgspec import Struct
from nats import errors
from nats.aio.subscription import Subscription

from events.commit import Recorded
from events.ids import Position
from events.jetstream_api import NANOSECONDS, PREFIX, JetStreamApi
from events.jetstream_messages import MESSAGE_ID_FIELD, recorded
from runtime.errors import Unavailable
from runtime.nats_headers import STATUS_LINE, field, value_in

log = logging.getLogger(__name__)

PULL_MESSAGES = 4000
REFILL_BELOW = 2000
PULL_BYTES = 4 * 1024 * 1024
PULL_SECONDS = 30
HEARTBEAT_SECONDS = 2.5
SILENCE_SECONDS = 2 * HEARTBEAT_SECONDS
ON_THE_WAY_SECONDS = 60
INACTIVE_SECONDS = 120
"""The server forgets a consumer that was not deleted and had no pull for this long."""

HEARTBEAT = b"NATS/1.0 100"
REST = field("Nats-Pending-Messages")
SENT = field("Nats-Last-Consumer")


class _Consumer(Struct, frozen=True):
    name: str


class Broken(Exception):
    """The consumer is of no use any more: begin anew behind the last message that was taken."""


class Pull:
    """Messages in stream order as the server sends them, never more in memory than was asked for.

    What was asked for and not taken yet is the credit. A pull that ends early says how many
    messages it still owed; any other word of the server means that the consumer is gone. A
    heartbeat says how many messages were sent, so a loss on the way shows even when no more come.
    """

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api
        self._inbox = api.connection.client.new_inbox()
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._buffer: deque[Recorded] = deque()
        self._credit = 0
        self._received = 0
        self._broken = ""
        self._arrived = asyncio.Event()
        self._forget_reconnect = api.connection.on_reconnect(self._reconnected)

    async def start(self, after: Position) -> None:
        """Raises `Unavailable`, and `ApiError` when the server will not have it."""
        try:
            self._subscription = await self._api.connection.client.subscribe_raw(
                self._inbox, self._arrive
            )
        except errors.Error as error:
            raise Unavailable(f"There is no connection to NATS ({error!r}).") from error
        made = await self._api.call(
            f"CONSUMER.CREATE.{self._api.stream}",
            {
                "stream_name": self._api.stream,
                "config": {
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": after + 1,
                    "ack_policy": "none",
                    "replay_policy": "instant",
                    "mem_storage": True,
                    "num_replicas": 1,
                    "inactive_threshold": INACTIVE_SECONDS * NANOSECONDS,
                },
            },
            _Consumer,
        )
        self._consumer = made.name

    async def wait(self) -> None:
        """Until there is a message. Raises `Broken` when none can come any more."""
        while True:
            if self._broken:
                raise Broken(self._broken)
            if self._buffer:
                return
            self._arrived.clear()
            await self._refill()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                await self._look_for_more_on_the_way()

    async def _look_for_more_on_the_way(self) -> None:
        """A slow link may carry a large message for longer than two heartbeats; a pong comes behind all that was sent before."""
        pong = asyncio.create_task(self._pong())
        word = asyncio.create_task(self._arrived.wait())
        try:
            await asyncio.wait([pong, word], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pong.cancel()
            word.cancel()
            await asyncio.wait([pong, word])
        if not self._arrived.is_set():
            raise Broken("two heartbeats did not come")

    async def _pong(self) -> None:
        with suppress(errors.Error):
            await self._api.connection.client.flush(timeout=ON_THE_WAY_SECONDS)

    def peek(self) -> Position | None:
        """The position of the next message that is here already."""
        return self._buffer[0].position if self._buffer else None

    def take(self, after: Position, most: int) -> list[Recorded]:
        """The next messages, as far as each follows directly on the one before."""
        taken: list[Recorded] = []
        buffer, follows = self._buffer, after + 1
        while len(taken) < most and buffer and buffer[0].position == follows:
            taken.append(buffer.popleft())
            follows += 1
        self._credit -= len(taken)
        return taken

    async def ask_for_more(self) -> None:
        """Keep the server sending while the messages just taken are worked on."""
        if not self._broken:
            await self._refill()

    async def stop(self) -> None:
        """Delete the consumer, if anybody is there to be asked; else the server forgets it by itself."""
        self._forget_reconnect()
        connection = self._api.connection
        try:
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._consumer and connection.connected:
                await connection.client.publish(
                    f"{PREFIX}.CONSUMER.DELETE.{self._api.stream}.{self._consumer}"
                )
        except errors.Error as error:
            log.info("consumer is left to the server to forget", extra={"reason": repr(error)})

    async def _refill(self) -> None:
        if self._credit > REFILL_BELOW:
            return
        self._credit += PULL_MESSAGES
        try:
            await self._api.connection.client.publish(
                f"{PREFIX}.CONSUMER.MSG.NEXT.{self._api.stream}.{self._consumer}",
                _PULL,
                reply=self._inbox,
            )
        except errors.Error as error:
            raise Broken(repr(error)) from error

    def _arrive(self, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        if header.startswith(STATUS_LINE):
            self._note(header)
        else:
            self._received += 1
            self._buffer.append(received(subject, reply, header, body))
        self._arrived.set()

    def _note(self, header: bytes) -> None:
        if header.startswith(HEARTBEAT):
            if value_in(header, SENT) not in ("", str(self._received)):
                self._broken = "messages were lost on the way"
        elif rest := value_in(header, REST):
            self._credit -= int(rest)
        else:
            self._broken = f"the server ended the consumer ({header!r})"

    def _reconnected(self) -> None:
        # What is buffered may be of a log that the server lost its tail of: it is read again.
        self._broken = "the connection was made anew"
        self._arrived.set()


_PULL = msgspec.json.encode(
    {
        "batch": PULL_MESSAGES,
        "max_bytes": PULL_BYTES,
        "expires": PULL_SECONDS * NANOSECONDS,
        "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
    }
)


def received(subject: bytes, reply: bytes, header: bytes, body: bytes) -> Recorded:
    """The commit in a message that a consumer sent."""
    # Whoever may publish can name a subject that is no text; an error here ends the connection.
    name = subject.decode(errors="replace")
    return recorded(position_in(reply), name, value_in(header, MESSAGE_ID_FIELD), body)


def position_in(reply: bytes) -> Position:
    """From the reply subject: `$JS.ACK.<stream>.<consumer>.<deliveries>.<position>.…`, or with two tokens more."""
    tokens = reply.split(b".")
    return Position(int(tokens[5] if len(tokens) < 11 else tokens[7]))


async def start_pull(api: JetStreamApi, after: Position) -> Pull:
    pull = Pull(api)
    try:
        await pull.start(after)
    except BaseException:
        await pull.stop()
        raise
    return pull
