"""One node: the parts its roles need, in the order they depend on each other, all following one reader of the log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from events.feed import Feed, Follower
from events.store import LogCut
from foundry.event_log import EventLog
from foundry.liveness import Liveness
from foundry.work_side import work_side
from foundry.write_side import WriteSide, write_side
from gateway.app import Gateway
from gateway.relay import NatsRelay
from projectors.read_models import ReadModels, open_read_models
from runtime.errors import Unavailable
from runtime.lifecycle import Gate
from runtime.settings import Settings
from workflows.worker import Worker

log = logging.getLogger(__name__)

GUARD_SECONDS = 10.0
LINGER_SECONDS = 5.0


class NodeFailed(Unavailable):
    """A part cannot go on, and a new start is the way out."""


@dataclass(kw_only=True)
class Node:
    """`models` and `gateway` are there for the role `read`, `worker` for `workers`."""

    name: str
    roles: frozenset[str]
    log: EventLog
    write: WriteSide
    models: ReadModels | None
    gateway: Gateway | None
    worker: Worker | None
    feed: Feed
    liveness: Liveness
    orders: Gate = field(default_factory=lambda: Gate("commands"))
    questions: Gate = field(default_factory=lambda: Gate("queries"))
    draining: bool = False

    async def run(self) -> None:
        """All parts at work, until cancelled. Raises when one of them cannot go on."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._follow(), name="follow the log")
            parts.create_task(self.liveness.watch(), name="liveness")
            parts.create_task(self._guard_tail(), name="tail guard")
            parts.create_task(self.log.connection.until_lost(), name="nats")
            if self.gateway is not None:
                parts.create_task(self.gateway.run(), name="gateway")
            if self.worker is not None:
                parts.create_task(self.worker.run(), name="worker")

    async def drain(self, deadline: float) -> None:
        """Admit nothing, let what was admitted end, send the streams away; all by `deadline` (event loop time)."""
        self.draining = True
        log.info("drain started", extra={"component": "node", "node": self.name})
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self.orders.drain(deadline), name="drain commands")
            parts.create_task(self.questions.drain(deadline), name="drain queries")
            if self.gateway is not None:
                parts.create_task(self.gateway.drain(deadline), name="drain streams")
            if self.worker is not None:
                parts.create_task(self.worker.drain(deadline), name="drain worker")
        log.info("drain ended", extra={"component": "node", "node": self.name})

    def reasons_not_ready(self) -> Sequence[str]:
        """Each a sentence; empty when the node should get work."""
        reasons = []
        if self.draining:
            reasons.append("draining: this node is shutting down")
        if not self.log.connection.connected:
            reasons.append("disconnected: there is no connection to NATS")
        if self.liveness.stuck:
            reasons.append("stuck: the reader of the log stands still")
        if not self.liveness.started:
            reasons.append(f"starting: at position {self.feed.position} of the log")
        reasons += [
            f"rebuilding: {one.projection} at {one.position} of {one.tail}"
            for one in (self.models.progress() if self.models else ())
            if not one.complete
        ]
        if self.worker is not None and not self.worker.recovered:
            reasons.append("starting: the worker takes up what was left")
        return reasons

    async def _follow(self) -> None:
        """Read the log; a reader that stands still is started anew once, then the process leaves with a reason."""
        restarts = 0
        while True:
            reader = asyncio.create_task(self.feed.run(), name="feed")
            watch = asyncio.create_task(self.liveness.until_stuck(), name="stuck")
            try:
                await asyncio.wait([reader, watch], return_when=asyncio.FIRST_COMPLETED)
            finally:
                reader.cancel()
                watch.cancel()
                await asyncio.wait([reader, watch])
            if not reader.cancelled() and isinstance(reader.exception(), LogCut):
                await self._log_was_cut()
            elif not reader.cancelled():
                reader.result()
            restarts += 1
            if restarts > 3:
                raise NodeFailed("The reader of the log stands still and a new start did not help.")
            log.warning("reader of the log started anew", extra={"restarts": restarts})

    async def _log_was_cut(self) -> None:
        # The directory compares its file with the log when it is opened: a new start of the
        # process is the one path that brings all parts level with the log there is now.
        log.error("the log ends before what was read from it")
        raise NodeFailed("The log lost its tail; this node starts anew from the log there is now.")

    async def _guard_tail(self) -> None:
        """Compare what was folded with the log, on each reconnect and every ten seconds."""
        reconnected = asyncio.Event()
        forget = self.log.connection.on_reconnect(reconnected.set)
        try:
            while True:
                try:
                    async with asyncio.timeout(GUARD_SECONDS):
                        await reconnected.wait()
                except TimeoutError:
                    pass
                reconnected.clear()
                await self._compare_tail()
        finally:
            forget()

    async def _compare_tail(self) -> None:
        if self.models is None:
            return
        try:
            cut = await self.models.check_tail(self.log.store)
        except Unavailable:
            return
        if cut:
            raise NodeFailed("The log is not the one that was folded; this node starts anew.")


@asynccontextmanager
async def node(
    settings: Settings, event_log: EventLog, roles: frozenset[str]
) -> AsyncIterator[Node]:
    """The parts for `roles`, opened and at work; closed in reverse."""
    async with AsyncExitStack() as parts:
        write = await parts.enter_async_context(write_side(settings, event_log))
        followers: list[Follower] = [write.aggregates, write.directory]
        models = None
        if "read" in roles:
            models = await parts.enter_async_context(
                open_read_models(settings.data_folder / "projections", event_log.store)
            )
            followers.append(models)
        worker = None
        if "workers" in roles:
            worker = await parts.enter_async_context(work_side(settings, event_log, write))
            followers.append(worker)
        feed = Feed(event_log.store, followers)
        liveness = Liveness(event_log.store, feed)
        await liveness.start()
        here = Node(
            name=_node_name(settings),
            roles=roles,
            log=event_log,
            write=write,
            models=models,
            gateway=_gateway(settings, event_log, write, models, liveness),
            worker=worker,
            feed=feed,
            liveness=liveness,
        )
        yield here


def _gateway(
    settings: Settings,
    event_log: EventLog,
    write: WriteSide,
    models: ReadModels | None,
    liveness: Liveness,
) -> Gateway | None:
    if models is None:
        return None
    return Gateway(
        models,
        write.access,
        node=_node_name(settings),
        lag_ms=liveness.lag_ms,
        relay=NatsRelay(event_log.connection.client),
        allowed_origins=settings.origins,
        heartbeat_seconds=settings.heartbeat_seconds,
        max_streams=settings.max_streams,
    )


def _node_name(settings: Settings) -> str:
    host, port = settings.address
    return f"{host}-{port}"
