"""What can go wrong in a cycle. Each is data, so that a schedule can be drawn, printed and drawn again."""

from typing import Literal, TypeAlias

from msgspec import Struct

LOG = "nats"
COMMANDS = ("commands-1", "commands-2")
READS = ("read-1", "read-2")
WORKER = "worker"
NODES = (*COMMANDS, *READS, WORKER)
PARTS = (LOG, *NODES)

LINKS = (
    *(f"{node}>log" for node in NODES),
    *(f"clients>{node}" for node in (*COMMANDS, *READS)),
)
"""Every way between two parts goes through a proxy of ours, and is named after its ends."""

Moment = Literal["any", "commit_held_back", "commit_unheard", "commit_on_its_way"]
"""When a process dies: at any time, before its commit reaches the log, after it did and before the
node hears of that, or while the log hands a commit to it."""

Trouble = Literal[
    "stall", "delay", "reset", "one_way_up", "one_way_down", "lost_answers", "half_open"
]
"""`up` is towards the server. A half-open connection is gone at the server, and nobody told the client."""


class Fault(Struct, frozen=True, kw_only=True, tag_field="fault"):
    """`at` is in seconds after the cycle began."""

    at: float


class Killed(Fault, frozen=True, kw_only=True, tag="killed"):
    """SIGKILL `delay` seconds behind the moment, and a start `away` seconds later."""

    part: str
    moment: Moment
    away: float
    delay: float = 0.0


class Stopped(Fault, frozen=True, kw_only=True, tag="stopped"):
    """SIGTERM, and a start `away` seconds after the end."""

    part: str
    away: float


class RestartStorm(Fault, frozen=True, kw_only=True, tag="restart_storm"):
    """Killed again and again, so many seconds after each start: before it was ready, mostly."""

    part: str
    lives: tuple[float, ...]


class Suspended(Fault, frozen=True, kw_only=True, tag="suspended"):
    """SIGSTOP, then SIGCONT: a process that lags, and does not know that it did."""

    part: str
    seconds: float


class BadNetwork(Fault, frozen=True, kw_only=True, tag="bad_network"):
    link: str
    trouble: Trouble
    seconds: float


class DiskFull(Fault, frozen=True, kw_only=True, tag="disk_full"):
    seconds: float


class PowerLoss(Fault, frozen=True, kw_only=True, tag="power_loss"):
    """The log's machine: what was not synced to its disk is gone."""

    away: float


class LeaderLost(Fault, frozen=True, kw_only=True, tag="leader_lost"):
    """SIGKILL of the server that leads the stream, and a start `away` seconds later. Only in a cluster."""

    away: float


class CutOff(Fault, frozen=True, kw_only=True, tag="cut_off"):
    """One server, or the leader, hears nobody and is heard by nobody. Only in a cluster."""

    server: Literal["leader", "nats-1", "nats-2", "nats-3"]
    seconds: float


class StalledReader(Fault, frozen=True, kw_only=True, tag="stalled_reader"):
    watcher: int
    seconds: float


class ClockJump(Fault, frozen=True, kw_only=True, tag="clock_jump"):
    """The node is stopped and started with a clock that is so many seconds wrong."""

    part: str
    offset: int


class Rebuild(Fault, frozen=True, kw_only=True, tag="rebuild"):
    part: str
    projection: str


AnyFault: TypeAlias = (
    Killed
    | Stopped
    | RestartStorm
    | Suspended
    | BadNetwork
    | DiskFull
    | PowerLoss
    | LeaderLost
    | CutOff
    | StalledReader
    | ClockJump
    | Rebuild
)
