"""Which hosts have a worker that is alive: each says so every few seconds, over plain NATS, and nothing is stored."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

import msgspec
from msgspec import Struct
from nats.aio.msg import Msg
from nats.errors import Error

from runtime.connection import Connection
from runtime.errors import Unavailable

log = logging.getLogger(__name__)

SUBJECT = "workers.presence"
BEATS = 5
"""A host counts as away after this many missed heartbeats in a row."""
LONGEST_BEAT = 2.0
ANSWER_SECONDS = 0.5
"""So long a worker that begins waits for the word of another one that has its name."""


class Beat(Struct, frozen=True, omit_defaults=True):
    """`worker` is another one with each start, `begins` while it has not done anything yet."""

    host: str
    says: Literal["here", "leaving"] = "here"
    worker: str = ""
    begins: bool = False


class Presence:
    """`away_seconds` of silence make a host away; only silence that this process could have heard counts.

    `worker` is the name of this start of the host's worker. Where others may work, it listens for `answer_seconds`
    before it begins.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        host: str,
        worker: str,
        away_seconds: float,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._connection = connection
        self._host = host
        self._worker = worker
        self._answer_seconds = answer_seconds
        self.away_seconds = away_seconds
        self._heard: dict[str, float] = {}
        self._left: set[str] = set()
        self._listening_since: float | None = None
        self._begins = True
        self._namesake = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Inside, the others are heard."""
        subscription = await self._connection.client.subscribe(SUBJECT, cb=self._take)
        forget = self._connection.on_reconnect(self._begin)
        self._begin()
        try:
            yield
        finally:
            forget()
            with suppress(Error):
                await subscription.unsubscribe()

    async def begin(self) -> None:
        """Make sure that nobody else works under this name. Raises `Unavailable` if somebody does.

        Each would take the other's tasks for its own, and find no sandbox of them.
        """
        await self._say(self._here())
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._namesake.wait()
        except TimeoutError:
            self._begins = False
            return
        raise Unavailable(
            f"Another worker is at work under the name {self._host}. Give each a FOUNDRY_HOST of its own;"
            " in a copied data folder, remove the file `host`."
        )

    async def run(self) -> None:
        """Say that this host is here, until cancelled."""
        while True:
            await self._say(self._here())
            await asyncio.sleep(min(LONGEST_BEAT, self.away_seconds / BEATS))

    async def leave(self) -> None:
        """Say that this host takes no more work: what is not bound to it need not wait for the silence."""
        if not self._namesake.is_set():
            await self._say(Beat(self._host, "leaving", worker=self._worker))

    def away(self, host: str) -> bool:
        """Whether a host has been silent for so long that somebody should look after it."""
        if host == self._host or self._listening_since is None or not self._connection.connected:
            return False
        last = max(self._heard.get(host, 0.0), self._listening_since)
        return asyncio.get_running_loop().time() - last >= self.away_seconds

    def gone(self, host: str) -> bool:
        """Whether what a host began, and what is not bound to it, may be taken over: it is away or said goodbye."""
        return host in self._left or self.away(host)

    def _begin(self) -> None:
        # While there was no connection nobody could be heard, so nobody's silence meant anything.
        self._listening_since = asyncio.get_running_loop().time()

    def _here(self) -> Beat:
        return Beat(self._host, worker=self._worker, begins=self._begins)

    async def _say(self, beat: Beat) -> None:
        if not self._connection.connected:
            return
        try:
            await self._connection.client.publish(SUBJECT, msgspec.json.encode(beat))
        except Error as error:
            log.info("heartbeat could not be sent", extra={"reason": repr(error)})

    async def _take(self, message: Msg) -> None:
        try:
            beat = msgspec.json.decode(message.data, type=Beat)
        except msgspec.MsgspecError:
            return
        if beat.says == "leaving":
            self._left.add(beat.host)
        else:
            self._left.discard(beat.host)
            self._heard[beat.host] = asyncio.get_running_loop().time()
            if beat.host == self._host and beat.worker not in ("", self._worker):
                await self._meet(beat)

    async def _meet(self, namesake: Beat) -> None:
        """Who works already stays; of two that begin, one."""
        if self._begins and (not namesake.begins or namesake.worker > self._worker):
            self._namesake.set()
        elif namesake.begins:
            await self._say(self._here())
        else:
            log.error("another worker has the name of this one", extra={"host": self._host})
