"""The consumer `hints`: of all who read it, each commit that may announce a job is told to one.

Nothing is acknowledged and nothing is kept on disk: a hint may be lost, with the worker that took it
or with the server, and then the list of open jobs tells of the work.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import msgspec
from nats.errors import Error

from events.commit import Recorded
from events.jetstream_api import NANOSECONDS, PREFIX, ApiError, JetStreamApi
from events.jetstream_pull import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    INACTIVE_SECONDS,
    REST,
    SILENCE_SECONDS,
    Broken,
    received,
)
from events.store import subject_of
from runtime.errors import Unavailable
from runtime.nats_headers import STATUS_LINE, value_in

log = logging.getLogger(__name__)

CONSUMER = "hints"
FORMER_CONSUMER = "workers"
"""The consumer of older versions, which acknowledged every commit; it stays in the stream until it is removed."""

KINDS = ("organization", "repository", "task", "job")
"""The aggregates whose commits announce jobs, or ask for one again."""

BATCH = 64
PULL_BYTES = 2 * 1024 * 1024
PULL_SECONDS = 30
PAUSE_SECONDS = 0.5


class Hints:
    """Hints are pulled only while somebody waits in `batches`: a process that is busy leaves them to others."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api

    async def batches(self) -> AsyncGenerator[Sequence[Recorded], None]:
        """Commits that were appended since somebody first read here, until the generator is closed."""
        while True:
            try:
                await self._make_consumer()
                async for batch in self._pulls():
                    yield batch
            except Broken as reason:
                log.info("hints are asked for anew", extra={"reason": str(reason)})
            except (Unavailable, ApiError, Error) as reason:
                log.warning("hints cannot be read, waiting", extra={"reason": str(reason)})
            await asyncio.sleep(PAUSE_SECONDS)

    async def forget(self) -> None:
        """Remove the consumer; whoever reads makes it anew. Raises `Unavailable`."""
        await self._remove(CONSUMER)

    async def _make_consumer(self) -> None:
        """Make the consumer; making it again with the same configuration changes nothing."""
        await self._remove(FORMER_CONSUMER)
        config = {
            "durable_name": CONSUMER,
            "name": CONSUMER,
            "filter_subjects": [subject_of(kind, "*") for kind in KINDS],
            "deliver_policy": "new",
            "ack_policy": "none",
            "replay_policy": "instant",
            # As many replicas as the stream has: one alone would be gone as long as its server is.
            "mem_storage": True,
            "inactive_threshold": INACTIVE_SECONDS * NANOSECONDS,
        }
        await self._api.call(
            f"CONSUMER.CREATE.{self._api.stream}.{CONSUMER}",
            {"stream_name": self._api.stream, "config": config},
            msgspec.Raw,
        )

    async def _remove(self, consumer: str) -> None:
        try:
            await self._api.call(f"CONSUMER.DELETE.{self._api.stream}.{consumer}", {}, msgspec.Raw)
        except ApiError as error:
            if not error.not_found:
                raise

    async def _pulls(self) -> AsyncGenerator[Sequence[Recorded], None]:
        connection = self._api.connection
        client = connection.client
        inbox = client.new_inbox()
        arrived = _Arrived()
        subscription = await client.subscribe_raw(inbox, arrived.take)
        forget_reconnect = connection.on_reconnect(arrived.reconnected)
        try:
            while True:
                await client.publish(
                    f"{PREFIX}.CONSUMER.MSG.NEXT.{self._api.stream}.{CONSUMER}", _PULL, reply=inbox
                )
                left = BATCH
                while left > 0:
                    batch, ended = await arrived.batch()
                    left = 0 if ended else left - len(batch)
                    if batch:
                        yield batch
        finally:
            forget_reconnect()
            with suppress(Error):
                await subscription.unsubscribe()


class _Arrived:
    """What the server sent for the pulls so far, and nobody took yet."""

    def __init__(self) -> None:
        self._commits: list[Recorded] = []
        self._ended = False
        self._broken = ""
        self._word = asyncio.Event()

    def take(self, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        if not header.startswith(STATUS_LINE):
            self._commits.append(received(subject, reply, header, body))
        elif value_in(header, REST):
            # A pull that is merely over says how much it still owed.
            self._ended = True
        elif not header.startswith(HEARTBEAT):
            self._broken = f"the server ended the consumer ({header!r})"
        self._word.set()

    def reconnected(self) -> None:
        self._broken = "the connection was made anew"
        self._word.set()

    async def batch(self) -> tuple[Sequence[Recorded], bool]:
        """Wait for anything; all that has arrived, and whether the pull has ended. Raises `Broken`."""
        while not (self._commits or self._ended):
            if self._broken:
                raise Broken(self._broken)
            self._word.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._word.wait()
            except TimeoutError:
                raise Broken("two heartbeats did not come") from None
        commits, self._commits = self._commits, []
        ended, self._ended = self._ended, False
        return commits, ended


_PULL = msgspec.json.encode(
    {
        "batch": BATCH,
        "max_bytes": PULL_BYTES,
        "expires": PULL_SECONDS * NANOSECONDS,
        "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
    }
)
