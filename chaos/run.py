"""One run: the system is started, people work, cycles of faults go over it, and then everything is counted."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from chaos.conductor import Conductor
from chaos.crowd import Crowd, build_town, crowd_at_work
from chaos.findings import Findings
from chaos.schedule import Cycle, cycles
from chaos.system import System, system
from chaos.town import Town
from chaos.verdict import judge

MENDED_SECONDS = 180.0
"""Much longer than it takes, so that a busy machine is no finding."""

QUIET_SECONDS = 5.0
"""More than the three after which a worker finds a job whose hint was lost."""
SETTLED_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    findings: Findings
    cycles: int
    commits: int
    outages: dict[str, tuple[float, int]]
    left_out: list[str]
    left_by_themselves: list[str]


async def run(
    folder: Path,
    *,
    seed: int,
    count: int,
    only: Collection[str],
    mounting: bool,
    clustered: bool = False,
    cabled: bool = False,
    say: Callable[[str], None],
) -> Outcome:
    """Everything from the first process to the last comparison."""
    findings = Findings()
    async with system(folder, mounting=mounting, clustered=clustered, cabled=cabled) as parts:
        town = await build_town(parts, folder)
        begun_at, done, head = town.newest, 0, None
        async with crowd_at_work(parts, town, folder, seed) as crowd:
            conductor = Conductor(parts, crowd.watchers, crowd.bursts)
            enough = _enough()
            for cycle in cycles(seed, count, only=only, clustered=clustered):
                if enough.is_set():
                    break
                town.cycle = cycle.number
                if not await _survive(cycle, parts, town, crowd, conductor, findings, say):
                    break
                done = cycle.number
            if findings.clean:
                say("everybody comes to an end")
                head = await _settled(parts, crowd, conductor, findings)
            await conductor.close()
        say("the log is read and compared")
        commits = await judge(
            parts, town, crowd.people, folder, findings, since=begun_at, head=head
        )
        for sentence in crowd.wrong():
            findings.add("wrong", sentence)
        for sentence in conductor.replaced:
            findings.add("differing", f"a rebuild found other rows: {sentence}")
        return Outcome(
            findings=findings,
            cycles=done,
            commits=commits,
            outages=crowd.outages(),
            left_out=sorted(conductor.left_out),
            left_by_themselves=[
                f"{left.part} with {left.status}: {left.said}"
                for part in parts.parts.values()
                for left in part.left
            ],
        )


def _enough() -> asyncio.Event:
    """Set by Ctrl-C: the run ends behind the cycle that is under way, and is judged."""
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, enough.set)
    return enough


async def _survive(
    cycle: Cycle,
    parts: System,
    town: Town,
    crowd: Crowd,
    conductor: Conductor,
    findings: Findings,
    say: Callable[[str], None],
) -> bool:
    """One cycle; False when the system did not come back, and further cycles would say nothing."""
    say(f"cycle {cycle.number}: {'; '.join(map(_words, cycle.faults))}")
    await conductor.perform(cycle)
    began = time.monotonic()
    try:
        async with asyncio.timeout(MENDED_SECONDS):
            await parts.ready()
            answered = [one.answered for one in crowd.senders]
            while any(
                one.answered == before for one, before in zip(crowd.senders, answered, strict=True)
            ):
                crowd.check()
                await asyncio.sleep(0.05)
    except TimeoutError:
        missing = await _not_ready(parts)
        findings.add(
            "wrong", f"not mended {MENDED_SECONDS:.0f} s after cycle {cycle.number}: {missing}"
        )
        return False
    say(f"  mended {time.monotonic() - began:.1f} s later, at position {town.newest}")
    return True


def _words(fault: msgspec.Struct) -> str:
    fields = msgspec.to_builtins(fault)
    name, at = fields.pop("fault"), fields.pop("at")
    return f"{at:g} s {name} {' '.join(str(value) for value in fields.values())}"


async def _not_ready(parts: System) -> str:
    """Which parts do not take work, with what they said last."""
    missing = []
    for part in parts.parts.values():
        try:
            async with asyncio.timeout(5):
                await part.ready()
        except TimeoutError:
            missing.append(f"{part.name}: {part.end_of_log()}")
    return "; ".join(missing) or "somebody got no answer"


async def _settled(
    parts: System, crowd: Crowd, conductor: Conductor, findings: Findings
) -> int | None:
    """All commands answered, the log quiet and every stream told of its end: the position then, None if it grew on."""
    head = None
    try:
        async with asyncio.timeout(SETTLED_SECONDS):
            await conductor.finish()
            await crowd.rest()
            head = await _quiet(parts)
            await crowd.reached(head)
    except TimeoutError:
        missing = await _not_ready(parts)
        late = ", ".join(crowd.behind(head)) if head is not None else "the log grew on"
        findings.add("wrong", f"not settled after {SETTLED_SECONDS:.0f} s: {missing}; {late}")
    return head


async def _quiet(parts: System) -> int:
    """Wait until the log has not grown for a while; its newest position."""
    head, since = -1, time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() - since < QUIET_SECONDS:
            answer = await client.get(f"{parts.direct_url('read-1')}/healthz")
            now = int(answer.json()["position"])
            if now != head:
                head, since = now, time.monotonic()
            await asyncio.sleep(0.2)
    return head
