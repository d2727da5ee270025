"""What the nodes answer is what the log says: while it happened, and on every read node when it is over."""

from collections.abc import Iterable, Iterator, Sequence

import httpx

from chaos.check_watching import stored_name
from chaos.faults import READS
from chaos.findings import Findings
from chaos.model import model_of, shown, summary
from chaos.raw_log import Message
from chaos.records import Looked
from chaos.replay import At, Replay
from chaos.system import OWNER_TOKEN, System
from chaos.town import Person
from projectors.catalog import PROJECTIONS

CAUGHT_UP_SECONDS = 60.0
VERIFIED_SECONDS = 300.0


def looked_at(looks: Iterable[Looked], person: Person) -> Iterator[At]:
    """The topics at versions that `check_looks` will compare."""
    for look in looks:
        yield stored_name(look.topic, person), look.version


def check_looks(
    looks: Iterable[Looked], person: Person, replay: Replay, findings: Findings
) -> None:
    """Each view was the topic at the version it named, and not older than was asked for."""
    for look in looks:
        topic = stored_name(look.topic, person)
        name = f"{look.node}: {look.topic} at {look.version}"
        findings.seen["views read"] += 1
        if look.version < replay.version_at(topic, look.at_least):
            findings.add("skipped", f"{name} is older than {look.at_least}, which was asked for")
        if look.epoch != replay.epoch(topic):
            findings.add("differing", f"{name} has the epoch {look.epoch}")
        elif replay.view(topic, look.version) != look.data:
            findings.add("differing", f"{name} is not what the log says")


async def check_nodes(
    system: System,
    people: Sequence[Person],
    messages: Sequence[Message],
    replay: Replay,
    findings: Findings,
) -> None:
    """Every topic there is, on every read node, against the replay and against the small model."""
    opinions = shown(model_of(messages))
    head = messages[-1].position
    for node in READS:
        for person in people:
            async with httpx.AsyncClient(
                base_url=system.direct_url(node),
                headers={"Authorization": f"Bearer {person.token}"},
                trust_env=False,
                timeout=CAUGHT_UP_SECONDS,
            ) as client:
                for stored in _topics_of(person, people, replay):
                    wire = "app" if stored == person.topic else stored
                    answer = await client.get(f"/v1/views/{wire}", params={"at_least": head})
                    _check_answer(f"{node}: {wire}", stored, answer, replay, opinions, findings)


async def check_verify(system: System, findings: Findings) -> None:
    """`foundry verify`, as an operator asks a running node for it."""
    for node in READS:
        async with httpx.AsyncClient(
            base_url=system.direct_url(node),
            headers={"Authorization": f"Bearer {OWNER_TOKEN}"},
            trust_env=False,
            timeout=VERIFIED_SECONDS,
        ) as client:
            for projection in [one.name for one in PROJECTIONS]:
                answer = await client.post(f"/v1/operator/verify/{projection}")
                if '"differences":[]' not in answer.text.splitlines()[-1]:
                    findings.add(
                        "differing", f"verify {projection} at {node}: {answer.text[-500:]}"
                    )


def _topics_of(person: Person, people: Sequence[Person], replay: Replay) -> Iterator[str]:
    """All that somebody may see; what everybody may see is asked by the first."""
    for topic in sorted(replay.topics()):
        if topic.startswith("app/"):
            if topic == person.topic:
                yield topic
        elif person is people[0]:
            yield topic


def _check_answer(
    name: str,
    stored: str,
    answer: httpx.Response,
    replay: Replay,
    opinions: dict[str, object],
    findings: Findings,
) -> None:
    if answer.status_code != 200:
        findings.add("wrong", f"{name}: {answer.status_code} {answer.text}")
        return
    view = answer.json()
    findings.seen["views of nodes"] += 1
    if view["version"] != replay.newest(stored) or view["epoch"] != replay.epoch(stored):
        findings.add("differing", f"{name} is at {view['epoch']}.{view['version']}")
    elif view["data"] != replay.view(stored, view["version"]):
        findings.add("differing", f"{name} is not what the log says")
    opinion = summary(stored, view["data"])
    if opinion is not None:
        findings.seen["views the model agrees with"] += opinion == opinions.get(stored)
        if opinion != opinions.get(stored):
            findings.add("differing", f"{name}: {opinion} is not {opinions.get(stored)}")
