"""The durable consumer `workers`: of all who read it, each commit is told to one, as a hint that there is work.

A hint is acknowledged as soon as it is taken: it may be lost with the worker that took it, and
then the list of open jobs tells of the work. Only what nobody took is sent again by the server.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

from events.commit import Recorded
from events.jetstream_api import NANOSECONDS, PREFIX, ApiError, JetStreamApi
from events.jetstream_messages import MESSAGE_ID, recorded
from events.jetstream_pull import HEARTBEAT_SECONDS, SILENCE_SECONDS, position_in
from runtime.errors import Unavailable

log = logging.getLogger(__name__)

CONSUMER = "workers"
MAX_PENDING = 1000
ACK_SECONDS = 30
BATCH = 64
PULL_BYTES = 2 * 1024 * 1024
PULL_SECONDS = 30
PAUSE_SECONDS = 0.5
NOT_FOUND = 404

STATUS = "Status"
"""Where nats-py puts the status of what is the server's own word."""

HEARTBEAT = "100"
REST = "Nats-Pending-Messages"


class _Broken(Exception):
    """Ask anew: the server forgot the consumer, or says nothing."""


class Hints:
    """`batches` asks for the next ones only when it is asked itself: who is busy leaves hints to others."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api

    async def batches(self) -> AsyncGenerator[Sequence[Recorded], None]:
        """Commits that were appended since somebody first read here, until the generator is closed."""
        while True:
            try:
                await self._make_consumer()
                async for batch in self._pulls():
                    yield batch
            except _Broken as reason:
                log.info("hints are asked for anew", extra={"reason": str(reason)})
            except (Unavailable, ApiError, Error) as reason:
                log.warning("hints cannot be read, waiting", extra={"reason": str(reason)})
            await asyncio.sleep(PAUSE_SECONDS)

    async def forget(self) -> None:
        """Remove the consumer; whoever reads makes it anew. Raises `Unavailable`."""
        try:
            await self._api.call(f"CONSUMER.DELETE.{self._api.stream}.{CONSUMER}", {}, msgspec.Raw)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise

    async def _make_consumer(self) -> None:
        """Made once; the same wish again changes nothing."""
        config = {
            "durable_name": CONSUMER,
            "name": CONSUMER,
            "deliver_policy": "new",
            "ack_policy": "explicit",
            "ack_wait": ACK_SECONDS * NANOSECONDS,
            "max_ack_pending": MAX_PENDING,
            "replay_policy": "instant",
        }
        await self._api.call(
            f"CONSUMER.CREATE.{self._api.stream}.{CONSUMER}",
            {"stream_name": self._api.stream, "config": config},
            msgspec.Raw,
        )

    async def _pulls(self) -> AsyncGenerator[Sequence[Recorded], None]:
        client = self._api.connection.client
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        try:
            while True:
                await client.publish(
                    f"{PREFIX}.CONSUMER.MSG.NEXT.{self._api.stream}.{CONSUMER}", _PULL, reply=inbox
                )
                left = BATCH
                while left > 0:
                    batch, ended = await self._arrived(subscription)
                    left = 0 if ended else left - len(batch)
                    if batch:
                        yield batch
        finally:
            with suppress(Error):
                await subscription.unsubscribe()

    async def _arrived(self, subscription: Subscription) -> tuple[Sequence[Recorded], bool]:
        """What is here, as soon as it is anything, and whether the pull has ended. Raises `_Broken`."""
        batch: list[Recorded] = []
        while not batch or subscription.pending_msgs:
            try:
                # Not nats-py's own limit: with it a cancellation that comes together with a message is forgotten.
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await subscription.next_msg(timeout=None)
            except TimeoutError:
                raise _Broken("two heartbeats did not come") from None
            status = (message.headers or {}).get(STATUS)
            if status is None:
                await self._api.connection.client.publish(message.reply, b"+ACK")
                batch.append(_recorded(message))
            elif status != HEARTBEAT:
                # A pull that is merely over says how much it still owed.
                if REST in (message.headers or {}):
                    return batch, True
                raise _Broken(f"the server ended the consumer ({message.headers})")
        return batch, False


_PULL = msgspec.json.encode(
    {
        "batch": BATCH,
        "max_bytes": PULL_BYTES,
        "expires": PULL_SECONDS * NANOSECONDS,
        "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
    }
)


def _recorded(message: Msg) -> Recorded:
    headers = message.headers or {}
    return recorded(
        position_in(message.reply.encode()),
        message.subject,
        headers.get(MESSAGE_ID, ""),
        message.data,
    )
