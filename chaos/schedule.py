"""Draws the faults of each cycle from a seed: the same seed, the same faults at the same times."""

from collections.abc import Callable, Collection, Iterator
from random import Random
from typing import get_args

from msgspec import Struct

from chaos.faults import (
    COMMANDS,
    LINKS,
    LOG,
    NODES,
    PARTS,
    READS,
    WORKER,
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
    Trouble,
)
from projectors.catalog import PROJECTIONS

CYCLE_SECONDS = 4.0
"""Within this the faults begin; what they broke may take longer to mend."""

AT_ONCE = 3
WATCHERS = 5
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)


class Cycle(Struct, frozen=True, kw_only=True):
    number: int
    faults: tuple[AnyFault, ...]


def cycles(
    seed: int, count: int, *, only: Collection[str] = (), clustered: bool = False
) -> Iterator[Cycle]:
    """Cards are dealt from a shuffled deck that holds every kind, so even a short run meets most of them.

    With `only`, the deck holds no other kinds than those.
    """
    random = Random(seed)
    kinds = IN_A_CLUSTER if clustered else KINDS
    deck: list[str] = []
    for number in range(1, count + 1):
        while len(deck) < AT_ONCE:
            fresh = [
                kind
                for kind, (_, copies) in kinds.items()
                for _ in range(copies)
                if kind in (only or kinds)
            ]
            random.shuffle(fresh)
            deck = fresh + deck
        faults = [kinds[deck.pop()][0](random) for _ in range(AT_ONCE)]
        yield Cycle(number=number, faults=tuple(sorted(faults, key=lambda fault: fault.at)))


def _at(random: Random) -> float:
    return round(random.uniform(0.2, CYCLE_SECONDS), 2)


def _away(random: Random) -> float:
    return round(random.uniform(0.0, 1.5), 2)


def _killed(random: Random) -> AnyFault:
    return Killed(at=_at(random), part=random.choice(PARTS), moment="any", away=_away(random))


def _killed_with_a_commit(random: Random) -> AnyFault:
    moments: tuple[Moment, ...] = ("commit_held_back", "commit_unheard")
    return Killed(
        at=_at(random),
        part=random.choice((LOG, *COMMANDS, WORKER)),
        moment=random.choice(moments),
        away=_away(random),
    )


def _killed_while_reading(random: Random) -> AnyFault:
    part = random.choice(READS)
    return Killed(
        at=_at(random),
        part=part,
        moment="commit_on_its_way",
        away=_away(random),
        delay=round(random.uniform(0.0, 0.004), 4),
    )


def _stopped(random: Random) -> AnyFault:
    return Stopped(at=_at(random), part=random.choice(PARTS), away=_away(random))


def _storm(random: Random) -> AnyFault:
    lives = tuple(round(random.uniform(0.05, 1.5), 2) for _ in range(3))
    return RestartStorm(at=_at(random), part=random.choice(PARTS), lives=lives)


def _suspended(random: Random) -> AnyFault:
    seconds = round(random.uniform(0.5, 7.0), 2)
    return Suspended(at=_at(random), part=random.choice(PARTS), seconds=seconds)


def _lagging_read_node(random: Random) -> AnyFault:
    seconds = round(random.uniform(3.0, 8.0), 2)
    return Suspended(at=_at(random), part=random.choice(READS), seconds=seconds)


def _bad_network(random: Random) -> AnyFault:
    return BadNetwork(
        at=_at(random),
        link=random.choice(LINKS),
        trouble=random.choice(TROUBLES),
        seconds=round(random.uniform(0.5, 6.0), 2),
    )


def _disk_full(random: Random) -> AnyFault:
    return DiskFull(at=_at(random), seconds=round(random.uniform(1.0, 5.0), 2))


def _power_loss(random: Random) -> AnyFault:
    return PowerLoss(at=_at(random), away=_away(random))


def _stalled_reader(random: Random) -> AnyFault:
    seconds = random.choice((6.0, 12.0, 18.0, 24.0))
    return StalledReader(at=_at(random), watcher=random.randrange(WATCHERS), seconds=seconds)


def _clock_jump(random: Random) -> AnyFault:
    offset = random.choice((-1, 1)) * random.randint(10, 3600)
    return ClockJump(at=_at(random), part=random.choice(NODES), offset=offset)


def _rebuild(random: Random) -> AnyFault:
    return Rebuild(
        at=_at(random), part=random.choice(READS), projection=random.choice(PROJECTIONS).name
    )


def _leader_lost(random: Random) -> AnyFault:
    return LeaderLost(at=_at(random), away=_away(random))


def _cut_off(random: Random) -> AnyFault:
    return CutOff(
        at=_at(random),
        server=random.choice(("leader", "leader", "nats-1", "nats-2", "nats-3")),
        seconds=round(random.uniform(1.0, 15.0), 2),
    )


KINDS: dict[str, tuple[Callable[[Random], AnyFault], int]] = {
    "killed": (_killed, 2),
    "killed_with_a_commit": (_killed_with_a_commit, 2),
    "killed_while_reading": (_killed_while_reading, 1),
    "stopped": (_stopped, 1),
    "restart_storm": (_storm, 1),
    "suspended": (_suspended, 1),
    "lagging_read_node": (_lagging_read_node, 1),
    "bad_network": (_bad_network, 3),
    "disk_full": (_disk_full, 1),
    "power_loss": (_power_loss, 1),
    "stalled_reader": (_stalled_reader, 1),
    "clock_jump": (_clock_jump, 1),
    "rebuild": (_rebuild, 2),
}
"""What can be drawn, and how many cards of it are in the deck."""

ONE_SERVERS_OWN = {"killed_with_a_commit", "killed_while_reading", "disk_full", "power_loss"}
"""They need the one disk, or one way on which every commit travels."""

IN_A_CLUSTER: dict[str, tuple[Callable[[Random], AnyFault], int]] = {
    **{kind: card for kind, card in KINDS.items() if kind not in ONE_SERVERS_OWN},
    "leader_lost": (_leader_lost, 3),
    "cut_off": (_cut_off, 3),
}
