"""One node: the parts its roles need, in the order they depend on each other, all following one reader of the log."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from events.feed import Feed, Follower
from foundry.data_folder import host_name
from foundry.event_log import EventLog
from foundry.liveness import Liveness
from foundry.reading import Reading
from foundry.work_side import work_side
from foundry.worker_watch import keep_moving
from foundry.write_side import WriteSide, write_side
from gateway.app import Gateway
from gateway.relay import NatsRelay
from projectors.read_models import ReadModels, open_read_models
from runtime.errors import Unavailable
from runtime.lifecycle import Gate
from runtime.open_files import raise_limit, streams_within
from runtime.settings import Settings
from runtime.storage_errors import storage_refusal
from workflows.worker import Worker

log = logging.getLogger(__name__)

GUARD_SECONDS = 10.0
FILES_SECONDS = 2.0
LEVEL_PAUSE = 1.0


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
    command_gate: Gate
    questions: Gate
    draining: bool = False

    async def run(self) -> None:
        """All parts at work, until cancelled. Raises when one of them cannot go on."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._follow(), name="follow the log")
            parts.create_task(self.liveness.watch(), name="liveness")
            parts.create_task(self.log.connection.until_lost(), name="nats")
            parts.create_task(self._until_taken_away(), name="files")
            if self.log.server is not None:
                parts.create_task(self.log.server.until_unwatched(), name="embedded nats-server")
            if self.log.remedy is not None:
                parts.create_task(self.log.remedy.watch(), name="room for the log")
            if self.gateway is not None:
                parts.create_task(self.gateway.run(), name="gateway")
            if self.worker is not None:
                parts.create_task(self.worker.run(), name="worker")
                watch = keep_moving(self.worker, lambda: self.log.connection.connected)
                parts.create_task(watch, name="worker watch")

    async def drain(self, deadline: float) -> None:
        """Admit nothing, let what was admitted end, send the streams away; all by `deadline` (event loop time)."""
        self.draining = True
        log.info("drain started", extra={"component": "node", "node": self.name})
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self.command_gate.drain(deadline), name="drain commands")
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
        reasons += self.log.reasons_not_ready()
        reasons += self.liveness.reasons_not_ready()
        reasons += [
            f"rebuilding: {one.projection} at {one.position} of {one.tail}"
            for one in (self.models.progress() if self.models else ())
            if not one.complete
        ]
        if self.worker is not None and not self.worker.recovered:
            reasons.append("starting: the worker takes up what was left")
        return reasons

    def notices(self) -> Sequence[str]:
        """What somebody should look at though the node does its work, each a sentence without names."""
        return [
            f"parked: {len(parked)} in {projection} stand still at a commit that cannot be read or"
            " folded; `foundry doctor` names them"
            for projection, parked in (self.models.parked() if self.models else {}).items()
            if parked
        ]

    async def _follow(self) -> None:
        await Reading(
            self.feed, self.liveness, until_cut=self._until_cut, level=self._level_with_log
        ).run()

    async def _until_taken_away(self) -> None:
        """Raises `Unavailable` once a live file is gone: what is written into it since then is lost.

        A question that finds a file damaged takes it away, and could say so here; a person who removes one
        tells nobody. So the files are looked at, a few of them every `FILES_SECONDS`.
        """
        while True:
            await asyncio.sleep(FILES_SECONDS)
            gone = list(await self.models.taken_away()) if self.models is not None else []
            if not Path(self.write.directory.path).exists():
                gone.append(Path(self.write.directory.path))
            if gone:
                raise Unavailable(
                    f"{gone[0]} was damaged, or removed; the next start makes it anew from the log."
                )
            if self.write.directory.lost_commits:
                raise Unavailable(
                    f"{self.write.directory.path} could not be read; the next start reads again what it lacks."
                )

    async def _until_cut(self) -> None:
        """Compare what was folded with the log, on each reconnect and every ten seconds; end when it is another one."""
        reconnected = asyncio.Event()
        forget = self.log.connection.on_reconnect(reconnected.set)
        try:
            while not await self._was_cut():
                with suppress(TimeoutError):
                    async with asyncio.timeout(GUARD_SECONDS):
                        await reconnected.wait()
                reconnected.clear()
        finally:
            forget()

    async def _was_cut(self) -> bool:
        try:
            return not await self.write.directory.fits_the_log()
        except Unavailable:
            return False

    async def _level_with_log(self) -> None:
        """Have all that was folded from commits that are gone folded anew, by the feed when it reads again."""
        log.error("the log lost its end; everything folded from it is checked and built anew")
        while True:
            try:
                await self.write.aggregates.start()
                await self.write.directory.verify()
                if self.models is not None:
                    await self.models.check_tail(self.log.store)
                await self.liveness.start()
                if self.worker is not None:
                    await self.worker.begin_anew()
            except (Unavailable, sqlite3.Error, OSError) as error:
                if not isinstance(error, Unavailable) and storage_refusal(error) is None:
                    raise
                log.warning("the log cannot be compared yet", extra={"reason": str(error)})
                await asyncio.sleep(LEVEL_PAUSE)
            else:
                return


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
            followers.append(worker.tail)
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
            command_gate=Gate("commands", capacity=settings.max_requests),
            questions=Gate("queries", capacity=settings.max_requests),
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
        head=event_log.store.head,
        relay=NatsRelay(event_log.connection.client),
        allowed_origins=settings.origins,
        heartbeat_seconds=settings.heartbeat_seconds,
        max_streams=streams_within(settings.max_streams, raise_limit()),
        max_streams_each=settings.max_streams_per_person,
    )


def _node_name(settings: Settings) -> str:
    # Of the data folder, which one process holds: in containers all listen on the same address.
    return host_name(settings.data_folder, wanted=None)
