"""A client's step function and parser before a played recording, without sockets and with a clock of its own.

Everything is what runs in production but the network and the time; so every byte of a stream can be
the one at which it breaks.
"""

import random
from collections.abc import AsyncGenerator, Iterable
from typing import cast

import msgspec

from foundry_client.chaos.damage import Damage, Leave, Send, Wait
from foundry_client.chaos.faults import Answer, AtByte, Fault
from foundry_client.chaos.playing import Stage
from foundry_client.chaos.recording import Recording
from foundry_client.effects import (
    CancelTimer,
    Dispose,
    Effect,
    Interest,
    Open,
    ReadView,
    SetTimer,
    Tell,
)
from foundry_client.happenings import (
    Happening,
    Heard,
    InterestAnswered,
    Lost,
    Opened,
    Subscribe,
    TimerRang,
    Told,
)
from foundry_client.sse import EventReader
from foundry_client.step import step
from foundry_client.transport import Moment
from foundry_client.turn import State

DELAY_MS = 200
LONGEST = 5_000


class Stream:
    """`body` is None once nothing comes any more though nothing ended."""

    def __init__(self, body: AsyncGenerator[bytes, None], fault: AtByte | None) -> None:
        self.body: AsyncGenerator[bytes, None] | None = body
        self.damage = Damage(fault)
        self.reader = EventReader()

    async def leave(self) -> None:
        if self.body is not None:
            await self.body.aclose()
            self.body = None


class Simulation:
    def __init__(self, recording: Recording, faults: Iterable[Fault], *, seed: int = 0) -> None:
        self.told: list[Tell] = []
        self.state = State()
        self.streams_opened = 0
        self._recording = recording
        self._stage = Stage(recording, pace=0, heartbeat=1)
        self._faults = iter(faults)
        self._random = random.Random(seed)
        self._now = 0
        self._timers: dict[str, int] = {}
        self._streams: dict[int, Stream] = {}

    async def run(self) -> None:
        """Watch every topic of the recording until all are as it leaves them."""
        for topic in sorted(self._recording.topics):
            await self._happen(Subscribe(topic=topic, **self._moment()))
        for _ in range(LONGEST):
            if self._is_there():
                break
            if not await self._read():
                await self._ring()
        else:
            raise AssertionError(f"It never got there: {self.state}")
        for stream in self._streams.values():
            await stream.leave()

    def _is_there(self) -> bool:
        wanted = self._recording.final
        held = {name: topic.view for name, topic in self.state.topics.items()}
        return all((view := held[name]) and view.tag == one.tag for name, one in wanted.items())

    # --- What happens ---

    async def _read(self) -> bool:
        """One piece of one stream; False when none has any."""
        for connection, stream in [*self._streams.items()]:
            if stream.body is not None:
                async for piece in stream.body:
                    for action in stream.damage.feed(piece):
                        await self._act(connection, stream, action)
                    return True
        return False

    async def _act(self, connection: int, stream: Stream, action: Send | Wait | Leave) -> None:
        match action:
            case Send(data):
                await self._happen(Heard(connection=connection, **self._moment()))
                for event in stream.reader.feed(data):
                    told = msgspec.json.decode(event.data)
                    await self._happen(
                        Told(
                            connection=connection,
                            name=event.name,
                            data=told,
                            id=event.id,
                            **self._moment(),
                        )
                    )
            case Wait():
                self._now += DELAY_MS
            case Leave(how):
                await stream.leave()
                self._stage.pass_time(1)
                if how not in ("stall", "half-close"):
                    self._streams.pop(connection, None)
                    await self._happen(Lost(connection=connection, **self._moment()))

    async def _ring(self) -> None:
        name = min(self._timers, key=lambda name: self._timers[name])
        self._now = max(self._now, self._timers.pop(name))
        await self._happen(TimerRang(name=name, **self._moment()))

    def _moment(self) -> Moment:
        return {"at": self._now, "random": self._random.random()}

    # --- What is done about it ---

    async def _happen(self, happening: Happening) -> None:
        self.state, effects = step(self.state, happening)
        for effect in effects:
            await self._perform(effect)

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case Open():
                await self._open(effect)
            case Dispose(connection=connection):
                if stream := self._streams.pop(connection, None):
                    await stream.leave()
            case Interest():
                asked = (effect.sid, effect.revision, effect.add, effect.remove)
                status = 404 if self._stage.interest(*asked) is None else 202
                await self._happen(
                    InterestAnswered(
                        connection=effect.connection,
                        revision=effect.revision,
                        status=status,
                        **self._moment(),
                    )
                )
            case SetTimer(name=name, ms=ms):
                self._timers[name] = self._now + ms
            case CancelTimer(name=name):
                self._timers.pop(name, None)
            case Tell():
                self.told.append(effect)
            case ReadView():
                raise AssertionError("nothing is read while everything is streamed")
            case _:
                pass

    async def _open(self, opening: Open) -> None:
        self.streams_opened += 1
        fault = next(self._faults, None)
        if isinstance(fault, Answer):
            await self._happen(
                Lost(connection=opening.connection, status=fault.status, **self._moment())
            )
            return
        body = cast("AsyncGenerator[bytes, None]", self._stage.stream(opening.topics))
        self._streams[opening.connection] = Stream(body, fault)
        await self._happen(Opened(connection=opening.connection, **self._moment()))
