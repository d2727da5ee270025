"""Keeps the state, steps it with whatever happens, and sees that what has to be done about it is done, in order."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec

from foundry_client.effects import Effect, Enter, Log, Status, Tell, Trouble, Why
from foundry_client.happenings import Close, Happening, Live, Release, Subscribe, View, Wake
from foundry_client.listening import Hearers, Waiters
from foundry_client.problem import Problem
from foundry_client.server import Server
from foundry_client.step import step
from foundry_client.subscription import Listener, Subscription
from foundry_client.transport import Transport, moment
from foundry_client.turn import Counters, Options, State, Topic
from foundry_client.waking import Waking

log = logging.getLogger("foundry_client")

T = TypeVar("T")

LEDGER = 1000
NOTHING_TO_WAKE: tuple[Status, ...] = ("idle", "needs_auth", "closed")


class Conductor:
    def __init__(self, server: Server, options: Options) -> None:
        self.ledger: deque[Why] = deque(maxlen=LEDGER)
        self.hearers = Hearers()
        self.waiters = Waiters()
        self._state = State(options=options)
        self._transport = Transport(server, self.happen)
        self._waking = Waking(lambda: self.happen(Wake(**moment())))
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._waiting: deque[tuple[Happening, Subscription | None]] = deque()
        self._busy = False
        self._asked: set[asyncio.Task[Any]] = set()

    @property
    def state(self) -> Status:
        return self._state.status

    @property
    def counters(self) -> Counters:
        return self._state.counters

    @property
    def listeners(self) -> dict[str, int]:
        """How many subscriptions each topic has."""
        return {topic: len(all_) for topic, all_ in self._subscriptions.items() if all_}

    @property
    def obtainable(self) -> list[str]:
        """The topics that are subscribed and were not refused."""
        topics = {name: self.topic(name) for name in self._subscriptions}
        return [name for name, topic in topics.items() if topic and topic.refused is None]

    def topic(self, name: str) -> Topic | None:
        return self._state.topics.get(name)

    def view(self, name: str) -> View | None:
        """What is held of a topic, whether anybody still subscribes or not."""
        topic = self.topic(name)
        return topic.view if topic else None

    def subscribe(
        self, topic: str, listener: Listener | None, live: Live, view: View | None
    ) -> Subscription:
        if self.state == "closed":
            raise closed()
        asyncio.get_running_loop()  # Raises outside of one, before anything has changed.
        subscription = Subscription(topic, listener, self)
        self._take(Subscribe(topic=topic, live=live, view=view, **moment()), subscription)
        return subscription

    def release(self, subscription: Subscription) -> None:
        others = self._subscriptions.get(subscription.topic, [])
        if subscription in others:
            others.remove(subscription)
        if not others:
            self._subscriptions.pop(subscription.topic, None)
        self.happen(Release(topic=subscription.topic, **moment()))

    def happen(self, happening: Happening) -> None:
        """Step, and do what follows. What an effect makes happen at once comes after the effects that are left."""
        self._take(happening, None)

    async def unless_closed(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of somebody's work. Raises `Problem` (`closed`) when this is closed before."""
        if self.state == "closed":
            work.close()
            raise closed()
        task = asyncio.create_task(work)
        self._asked.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._asked.discard(task)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if task.cancelled():
            raise closed()
        return task.result()

    async def close(self) -> None:
        """End everything; what was to be told is told."""
        self.happen(Close(**moment()))
        for task in self._asked:
            task.cancel()
        await self._transport.close()
        await asyncio.sleep(0)
        self._subscriptions.clear()

    # --- One happening after the other ---

    def _take(self, happening: Happening, subscription: Subscription | None) -> None:
        self._waiting.append((happening, subscription))
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                happening, subscription = self._waiting.popleft()
                if subscription is not None:
                    self._subscriptions.setdefault(subscription.topic, []).append(subscription)
                self._state, effects = step(self._state, happening)
                for effect in effects:
                    self._perform(effect)
        finally:
            self._busy = False

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Tell():
                self._tell(effect)
            case Enter(state=state):
                if state in NOTHING_TO_WAKE:
                    self._waking.stop()
                else:
                    self._waking.watch()
                self._log("state", {"state": state})
                self.hearers.tell("state", state)
            case Trouble(status=status, code=code, detail=detail):
                log.warning("the server refuses", extra={"foundry": msgspec.to_builtins(effect)})
                self.hearers.tell("problem", Problem(status, code, detail))
            case Log(event=event, fields=fields):
                self._log(event, fields)
            case _:
                self._transport.perform(effect)

    def _tell(self, news: Tell) -> None:
        subscriptions = self._subscriptions.get(news.topic, [])
        if news.newest:
            subscriptions = subscriptions[-1:]
        else:
            self.ledger.append(news.why)
            self._log("refresh", msgspec.to_builtins(news.why))
            self.hearers.tell("ledger", news.why)
        for subscription in [*subscriptions]:
            self.hearers.later(subscription.tell, news.view, news.why)
        if news.view is not None:
            self.waiters.told(news.view)

    def _log(self, event: str, fields: dict[str, Any]) -> None:
        entry = {"event": event, **fields}
        # The fields have names of their own there: a record has names that must not be taken.
        log.info(event, extra={"foundry": entry})
        self.hearers.tell("log", entry)


def closed() -> Problem:
    return Problem(0, "closed", "The client was closed.")
