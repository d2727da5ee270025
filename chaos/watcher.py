"""A client of event streams that writes down all it is told, and remembers only what it needs to come back."""

import asyncio
import socket
import time
from contextlib import AbstractAsyncContextManager

import httpx

from chaos.faults import READS
from chaos.frames import Event, Malformed, parse
from chaos.records import Asked, Closed, Level, Opened, Told
from chaos.role import Role

SILENCE_SECONDS = 4.0
"""Eight heartbeats: whoever is told nothing for so long comes back elsewhere."""

BACK_SECONDS = 0.5
SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)]


class Watcher:
    """`native` ones behave as an EventSource does, the others as a client that says what it holds."""

    def __init__(self, role: Role, *, native: bool) -> None:
        self._role = role
        self._native = native
        self._topics: list[str] = []
        self._held: dict[str, tuple[str, int]] = {}
        self._last_id: str | None = None
        self._sid = ""
        self._revision = 0
        self._reading = asyncio.Event()
        self._reading.set()
        self._heard = asyncio.Condition()
        self.position = 0
        self._staying = False
        self._ready_at: float | None = None
        self._left_at = (time.monotonic(), 0)
        self.outage = (0.0, 0)

    async def run(self) -> None:
        """Watch until cancelled, from one stream to the next."""
        async with httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._role.person.token}"},
            # Else the kernel reads on for megabytes when we do not.
            transport=httpx.AsyncHTTPTransport(socket_options=SMALL_BUFFER),
            timeout=httpx.Timeout(5.0, read=SILENCE_SECONDS),
        ) as client:
            while True:
                why = "cancelled"
                try:
                    why = await self._watch(client)
                except (httpx.HTTPError, Malformed) as error:
                    why = repr(error)
                finally:
                    self._role.book.write(Closed(at=time.time(), why=why))
                    if self._ready_at is not None:
                        self._ready_at = None
                        self._left_at = (time.monotonic(), self._role.town.cycle)
                await asyncio.sleep(self._role.random.uniform(0, BACK_SECONDS))

    def stay(self) -> None:
        """Leave no stream any more before one has told everything, as somebody does who waits for the end."""
        self._staying = True

    async def stall(self, seconds: float) -> None:
        """Read nothing for so long."""
        self._reading.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._reading.set()

    async def reached(self, position: int) -> None:
        """Wait until a stream said that everything up to a position has been told; the caller sets the deadline."""
        async with self._heard:
            await self._heard.wait_for(lambda: self.position >= position)

    # --- One stream ---

    async def _watch(self, client: httpx.AsyncClient) -> str:
        self._topics = self._role.town.topics(3)
        self._sid, self._revision, self.position = "", 0, 0
        node = self._role.random.choice(READS)
        life = time.monotonic() + self._role.random.uniform(4, 25)
        opened = self._opened(node)
        self._role.book.write(opened)
        async with self._stream(client, node, opened) as response:
            if response.status_code != 200:
                await response.aread()
                return f"{response.status_code} {response.text}"
            unread = b""
            async for piece in response.aiter_raw():
                *blocks, unread = (unread + piece).split(b"\n\n")
                for block in blocks:
                    await self._take(block.decode())
                if not self._native and self._sid:
                    await self._show_more(client)
                await self._reading.wait()
                if time.monotonic() > life and not self._staying:
                    return "wanted to leave"
        return "ended"

    def _opened(self, node: str) -> Opened:
        held = {} if self._native else {topic: self._tag(topic) for topic in self._topics}
        return Opened(
            at=time.time(),
            node=node,
            native=self._native,
            topics=self._topics,
            cursor=self._last_id,
            held=held,
        )

    def _stream(
        self, client: httpx.AsyncClient, node: str, opened: Opened
    ) -> AbstractAsyncContextManager[httpx.Response]:
        url = f"{self._role.system.url(node)}/v1/stream"
        if self._native:
            headers = {"Last-Event-ID": opened.cursor} if opened.cursor else {}
            params = httpx.QueryParams([("topic", topic) for topic in opened.topics])
            return client.stream("GET", url, params=params, headers=headers)
        body = {"topics": opened.held} | ({"cursor": opened.cursor} if opened.cursor else {})
        return client.stream("POST", url, json=body)

    async def _show_more(self, client: httpx.AsyncClient) -> None:
        """What was made since the stream was opened is asked for on it, at whichever node."""
        more = {
            topic: self._tag(topic)
            for topic in self._role.town.topics(1)
            if topic not in self._topics
        }
        if not more:
            return
        self._revision += 1
        self._topics += more
        self._role.book.write(Asked(add=more))
        url = f"{self._role.system.url(self._role.random.choice(READS))}/v1/stream/{self._sid}/interest"
        answer = await client.post(url, json={"revision": self._revision, "add": more})
        if answer.status_code != 202:
            raise httpx.RequestError(f"interest: {answer.status_code}")

    async def _take(self, block: str) -> None:
        self._role.book.write(Told(block=block))
        event = parse(block)
        if event is None:
            return
        self._remember(event)
        # An id says that nothing is owed: all that was up to this position has been told.
        if event.name == "heartbeat" and event.id is not None:
            self._role.book.write(Level(position=event.data["position"]))
            async with self._heard:
                self.position = event.data["position"]
                self._heard.notify_all()

    def _remember(self, event: Event) -> None:
        data = event.data
        match event.name:
            case "hello":
                self._sid = data["sid"]
            case "snapshot":
                self._held[data["topic"]] = (data["epoch"], data["version"])
            case "change" if self._held.get(data["topic"]) == (data["epoch"], data["base"]):
                self._held[data["topic"]] = (data["epoch"], data["version"])
            case "gone" | "forbidden":
                self._held.pop(data["topic"], None)
            case "ready" if self._ready_at is None:
                self._ready_at = time.monotonic()
                left, cycle = self._left_at
                self.outage = max(self.outage, (self._ready_at - left, cycle))
            case _:
                pass
        if event.id is not None:
            self._last_id = event.id

    def _tag(self, topic: str) -> str | None:
        held = self._held.get(topic)
        return f"{held[0]}.{held[1]}" if held else None
