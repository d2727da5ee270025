"""A client of one event stream that believes nothing: every event is held to docs/protocol.md, "Live", while it is folded."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import httpx

from chaos.frames import Event, event_of, fields_of
from tests.system.held import Held

WITHIN = 20.0

CAUSES = {
    "snapshot": {"bootstrap", "gap", "conflated", "reset"},
    "change": {"event", "resume", "conflated"},
}


class Ended(Exception):
    """The server ended the stream properly."""


class Stream:
    """`held` is what the client shows now, `last_id` what a native EventSource would send back."""

    def __init__(
        self,
        response: httpx.Response,
        topics: Iterable[str],
        *,
        held: Mapping[str, Held] | None = None,
    ) -> None:
        self.response = response
        self.held: dict[str, Held] = dict(held or {})
        self.seen: list[Event] = []
        self.last_id: str | None = None
        self.retry_ms: int | None = None
        self.sid = ""
        self.dropped = 0
        self._expected = set(topics)
        self._ready = False
        self._position = 0
        self._bytes: AsyncIterator[bytes] = response.aiter_bytes()
        self._unread = b""

    # --- Reading ---

    async def next(self, within: float = WITHIN) -> Event:
        """The next event, checked and folded. Raises `Ended` behind the last."""
        async with asyncio.timeout(within):
            while True:
                while b"\n\n" not in self._unread:
                    self._unread += await self._piece()
                block, _, self._unread = self._unread.partition(b"\n\n")
                event = self._parsed(block)
                if event is not None:
                    self._check(event)
                    self.seen.append(event)
                    return event

    async def until(self, wanted: Callable[[Event], bool], within: float = WITHIN) -> Event:
        async with asyncio.timeout(within):
            while not wanted(event := await self.next(within)):
                pass
            return event

    async def until_named(self, name: str, within: float = WITHIN) -> Event:
        return await self.until(lambda event: event.name == name, within)

    async def until_ready(self, within: float = WITHIN) -> Event:
        return await self.until_named("ready", within)

    async def until_version(self, topic: str, version: int, within: float = WITHIN) -> None:
        """Read on until the topic is held at this version or a later one."""
        await self.until_held(topic, lambda held: held.version >= version, within)

    async def until_held(
        self, topic: str, wanted: Callable[[Held], bool], within: float = WITHIN
    ) -> Held:
        """Read on until what is held of a topic is as wanted."""
        async with asyncio.timeout(within):
            while topic not in self.held or not wanted(self.held[topic]):
                await self.next(within)
            return self.held[topic]

    async def until_data(
        self, topic: str, wanted: Callable[[Any], bool], within: float = WITHIN
    ) -> Any:
        """Read on until the view of a topic is as wanted; the view."""
        held = await self.until_held(topic, lambda held: wanted(held.data), within)
        return held.data

    async def rest(self, within: float = WITHIN) -> list[Event]:
        """All events to the clean end."""
        events: list[Event] = []
        try:
            async with asyncio.timeout(within):
                while True:
                    events.append(await self.next(within))
        except Ended:
            return events

    def named(self, name: str) -> list[Event]:
        """The events of one name so far."""
        return [event for event in self.seen if event.name == name]

    def about(self, topic: str) -> list[Event]:
        """The snapshots and changes of one topic so far."""
        return [
            event
            for event in self.seen
            if event.name in ("snapshot", "change") and event.data["topic"] == topic
        ]

    def expect(self, topics: object) -> None:
        """More topics were asked for; called before the server is."""
        if isinstance(topics, Mapping):
            self._expected |= set(topics)

    # --- Checking ---

    async def _piece(self) -> bytes:
        async for piece in self._bytes:
            return piece
        assert not self._unread, "the stream ended inside an event"
        raise Ended

    def _parsed(self, block: bytes) -> Event | None:
        fields = fields_of(block.decode())
        if "retry" in fields:
            self.retry_ms = int(fields["retry"])
        return event_of(fields)

    def _check(self, event: Event) -> None:
        name, data = event.name, event.data
        assert not self.seen or self.seen[-1].name != "bye", "an event after bye"
        assert bool(self.seen) != (name == "hello") or name == "bye", "hello is the first event"
        if name == "hello":
            self.sid = data["sid"]
        elif name in CAUSES:
            self._fold(event)
        elif name == "ready":
            self._ready = True
            for topic, tag in data["topics"].items():
                assert self.held[topic].tag == tag, event
        elif name == "heartbeat":
            assert data["position"] >= self._position
            self._position = data["position"]
        elif name in ("forbidden", "gone"):
            assert data["topic"] in self._expected
            self.held.pop(data["topic"], None)
        if event.id is not None:
            assert self._ready, "an id before the stream was ready"
            self.last_id = event.id

    def _fold(self, event: Event) -> None:
        data = event.data
        topic = data["topic"]
        assert topic in self._expected, event
        assert data["cause"]["kind"] in CAUSES[event.name], event
        held = self.held.get(topic)
        if event.name == "snapshot":
            if held is not None and held.epoch == data["epoch"]:
                assert data["version"] >= held.version, "an older state"
            self.held[topic] = Held(data["epoch"], data["version"], data["data"])
            return
        assert held is not None, event
        assert data["base"] < data["version"], event
        assert data["cause"]["position"] == data["version"], event
        if held.epoch == data["epoch"] and data["version"] <= held.version:
            self.dropped += 1
            return
        assert (held.epoch, held.version) == (data["epoch"], data["base"]), f"a gap: {event}"
        held.apply(data["changes"], data["version"], conflated=data["cause"]["kind"] == "conflated")
