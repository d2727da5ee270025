"""Makes the faults of a cycle happen, and mends what they broke."""

import asyncio
import itertools
import re
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import assert_never

import httpx

from chaos.burst import Burst
from chaos.cluster import SERVERS
from chaos.faults import (
    COMMANDS,
    LOG,
    PARTS,
    AnyFault,
    BadNetwork,
    ClockJump,
    CutOff,
    DiskFull,
    Killed,
    LeaderLost,
    Moment,
    PowerLoss,
    Rebuild,
    RestartStorm,
    StalledReader,
    Stopped,
    Suspended,
)
from chaos.link import Trap
from chaos.process import Process
from chaos.schedule import Cycle
from chaos.system import OWNER_TOKEN, System
from chaos.watcher import Watcher

PUBLISHED = re.compile(rb"HPUB evt\.")
HANDED_OUT = re.compile(rb"MSG [^\r\n]*\$JS\.ACK\.EVENTS\.")
COMES_WITHIN = 5.0
"""A moment that has not come by then is as good as any other."""

REBUILT_WITHIN = 60.0


class Conductor:
    def __init__(
        self, system: System, watchers: Sequence[Watcher], bursts: Sequence[Burst]
    ) -> None:
        self._system = system
        self._watchers = watchers
        self._bursts = bursts
        # What befalls one part befalls it one after the other: the log's disk is a matter of the log.
        self._turns = {part: asyncio.Lock() for part in PARTS}
        self._servers = itertools.cycle(SERVERS)
        self._beside: set[asyncio.Task[None]] = set()
        self.left_out: set[str] = set()
        self.replaced: list[str] = []
        """Rebuilds that found other rows than were served."""

    async def perform(self, cycle: Cycle) -> None:
        """All faults of a cycle at their times; everything carries and runs again, or is starting, afterwards."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as faults:
            for fault in cycle.faults:
                faults.create_task(self._at_its_time(fault, began))
        for link in self._system.links.values():
            link.heal()

    async def finish(self) -> None:
        """Wait for what lasts longer than its cycle; the caller sets the deadline."""
        if self._beside:
            await asyncio.wait(tuple(self._beside))

    async def close(self) -> None:
        """Whatever still goes on ends now."""
        for task in self._beside:
            task.cancel()
        await self.finish()

    async def _at_its_time(self, fault: AnyFault, began: float) -> None:
        await asyncio.sleep(max(0.0, fault.at - (time.monotonic() - began)))
        await self._do(fault)

    async def _do(self, fault: AnyFault) -> None:
        parts, links = self._system.parts, self._system.links
        match fault:
            case Killed():
                await self._kill(fault)
            case Stopped(part=part, away=away):
                async with self._turns[part]:
                    stopped = self._part(part)
                    await stopped.stop()
                    await asyncio.sleep(away)
                    stopped.start()
            case RestartStorm(part=part, lives=lives):
                async with self._turns[part]:
                    stormed = self._part(part)
                    for life in lives:
                        await stormed.kill()
                        stormed.start()
                        await asyncio.sleep(life)
            case Suspended(part=part, seconds=seconds):
                async with self._turns[part]:
                    suspended = self._part(part)
                    suspended.suspend()
                    await asyncio.sleep(seconds)
                    suspended.resume()
            case BadNetwork(link=link, trouble=trouble, seconds=seconds):
                await links[link].trouble(trouble, seconds)
            case DiskFull(seconds=seconds):
                await self._fill_disk(seconds)
            case PowerLoss(away=away):
                await self._lose_power(away)
            case LeaderLost(away=away):
                if (several := self._system.cluster) is not None:
                    async with self._turns[LOG]:
                        leader = parts[await several.leader()]
                        await leader.kill()
                        await asyncio.sleep(away)
                        leader.start()
            case CutOff(server=server, seconds=seconds):
                if (several := self._system.cluster) is not None:
                    async with self._turns[LOG]:
                        who = await several.leader() if server == "leader" else server
                        await several.cut_off(who, seconds)
            case StalledReader(watcher=number, seconds=seconds):
                # The longest is longer than a cycle, and so is a forgotten laptop.
                self._go_on_with(self._watchers[number].stall(seconds))
                self._go_on_with(self._bursts[number % len(self._bursts)].send())
            case ClockJump(part=part, offset=offset):
                async with self._turns[part]:
                    await parts[part].stop()
                    parts[part].environment["CHAOS_CLOCK_OFFSET"] = str(offset)
                    parts[part].start()
            case Rebuild(part=part, projection=projection):
                self._go_on_with(self._rebuild(part, projection))
            case _:
                assert_never(fault)

    def _go_on_with(self, work: Coroutine[None, None, None]) -> None:
        """Something that may last longer than its cycle."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    # --- Processes ---

    async def _kill(self, fault: Killed) -> None:
        node = fault.part if fault.part != LOG else COMMANDS[0]
        link = self._system.links[f"{node}>log"]
        trap = _trap(fault.moment)
        if trap is not None:
            link.arm(trap)
            with suppress(TimeoutError):
                async with asyncio.timeout(COMES_WITHIN):
                    await trap.sprung.wait()
            await asyncio.sleep(fault.delay)
        async with self._turns[fault.part]:
            killed = self._part(fault.part)
            await killed.kill()
            if trap is not None:
                link.reset()
                link.heal()
            await asyncio.sleep(fault.away)
            killed.start()

    def _part(self, name: str) -> Process:
        """The part of this name; of a log on several servers, one after the other."""
        if name == LOG and self._system.cluster is not None:
            name = next(self._servers)
        return self._system.parts[name]

    # --- The disk of the log ---

    async def _fill_disk(self, seconds: float) -> None:
        disk, server = self._system.disk, self._system.parts[LOG]
        async with self._turns[LOG]:
            if server.pid is None:
                return
            await asyncio.to_thread(disk.fill, server.pid)
            await asyncio.sleep(seconds)
            disk.free(server.pid)
            # A block whose write failed once is refused until the server is started anew (2.15.1).
            await server.stop()
            server.start()

    async def _lose_power(self, away: float) -> None:
        disk, server = self._system.disk, self._system.parts[LOG]
        if not disk.is_own:
            self.left_out.add("power loss: no disk can be mounted here")
            return
        async with self._turns[LOG]:
            # It stands still first, so that nothing is answered behind the instant.
            server.suspend()
            await asyncio.to_thread(disk.lose_power)
            await server.kill()
            await asyncio.to_thread(disk.mount)
            await asyncio.sleep(away)
            server.start()

    # --- Read models ---

    async def _rebuild(self, part: str, projection: str) -> None:
        """Ask a node for a rebuild, as an operator does; one that is killed meanwhile just does not answer."""
        url = f"{self._system.direct_url(part)}/v1/operator/rebuild/{projection}"
        headers = {"Authorization": f"Bearer {OWNER_TOKEN}"}
        try:
            async with httpx.AsyncClient(
                trust_env=False, headers=headers, timeout=REBUILT_WITHIN
            ) as client:
                answer = await client.post(url)
        except httpx.HTTPError:
            return
        last = answer.text.splitlines()[-1:] or [""]
        if '"swapped":true' in last[0]:
            self.replaced.append(f"{part}: {last[0]}")


def _trap(moment: Moment) -> Trap | None:
    match moment:
        case "any":
            return None
        case "commit_held_back":
            return Trap(PUBLISHED, "up", passes=False)
        case "commit_unheard":
            return Trap(PUBLISHED, "up", passes=True)
        case "commit_on_its_way":
            return Trap(HANDED_OUT, "down", passes=True)
        case _:
            assert_never(moment)
