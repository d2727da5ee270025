"""Everybody who uses the system in a run, each with a book of what they saw."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from chaos.burst import Burst
from chaos.looker import Looker
from chaos.records import Book
from chaos.role import Role
from chaos.schedule import WATCHERS
from chaos.sender import Sender
from chaos.shipped_client import ShippedClient
from chaos.system import OWNER_TOKEN, System
from chaos.town import Person, Town
from chaos.watcher import Watcher
from tests.system.git_repository import GitRepository

SENDERS = 4
LOOKERS = 2


@dataclass
class Crowd:
    """`people` by the name of their book, `<name>.jsonl` in the folder of the run."""

    senders: list[Sender] = field(default_factory=list)
    lookers: list[Looker] = field(default_factory=list)
    watchers: list[Watcher] = field(default_factory=list)
    clients: list[ShippedClient] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    sending: list[asyncio.Task[None]] = field(default_factory=list)
    others: list[asyncio.Task[None]] = field(default_factory=list)

    def check(self) -> None:
        """Raises what somebody stumbled over: that is a defect of the harness."""
        for task in (*self.sending, *self.others):
            if task.done():
                task.result()

    async def rest(self) -> None:
        """No more commands are given; what was begun is brought to its end, and who watches stays. The caller sets the deadline."""
        for sender in self.senders:
            sender.rest()
        for watcher in self.watchers:
            watcher.stay()
        await asyncio.gather(*self.sending)

    async def reached(self, position: int) -> None:
        """Everybody who watches was told everything up to a position; the caller sets the deadline."""
        await asyncio.gather(*(one.reached(position) for one in self.watchers))
        await asyncio.gather(*(one.reached(position) for one in self.clients))

    def behind(self, position: int) -> list[str]:
        """Who was not told everything up to a position, by the name of their book."""
        return [
            f"watcher-{number} was told up to {one.position}"
            for number, one in enumerate(self.watchers)
            if one.position < position
        ]

    def wrong(self) -> list[str]:
        """What somebody found without having to compare."""
        found = [one.wrong for one in self.lookers] + [one.wrong for one in self.clients]
        return [sentence for sentences in found for sentence in sentences]

    def outages(self) -> dict[str, tuple[float, int]]:
        """The longest each kind of client was without, in seconds, and the cycle in which it began."""
        return {
            "commands": max(one.outage for one in self.senders),
            "views": max(one.outage for one in self.lookers),
            "streams": max(one.outage for one in self.watchers),
        }


@asynccontextmanager
async def crowd_at_work(parts: System, town: Town, folder: Path, seed: int) -> AsyncIterator[Crowd]:
    """They work inside; their books are closed afterwards."""
    crowd = Crowd()
    with ExitStack() as books:

        def role_of(name: str, number: int) -> Role:
            person = crowd.people[name] = town.people[number % len(town.people)]
            book = books.enter_context(closing(Book(folder / f"{name}.jsonl")))
            chance = Random(f"{seed}/{name}")
            return Role(system=parts, town=town, person=person, book=book, random=chance)

        for number in range(SENDERS):
            crowd.senders.append(Sender(role_of(f"sender-{number}", number)))
        crowd.bursts.append(Burst(role_of("sender-burst", 0)))
        crowd.clients.append(ShippedClient(role_of("looker-client", 0)))
        for number in range(LOOKERS):
            crowd.lookers.append(Looker(role_of(f"looker-{number}", number)))
        for number in range(WATCHERS):
            role = role_of(f"watcher-{number}", number)
            crowd.watchers.append(Watcher(role, native=number % 2 == 0))
        crowd.sending = [asyncio.create_task(one.run()) for one in crowd.senders]
        crowd.others = [asyncio.create_task(one.run()) for one in crowd.lookers]
        crowd.others += [asyncio.create_task(one.run()) for one in crowd.watchers]
        crowd.others += [asyncio.create_task(one.run()) for one in crowd.clients]
        try:
            yield crowd
            crowd.check()
        finally:
            for task in (*crowd.sending, *crowd.others):
                task.cancel()
            await asyncio.wait((*crowd.sending, *crowd.others))


async def build_town(parts: System, folder: Path) -> Town:
    """An organization with a repository and two people, before anything breaks."""
    repository = GitRepository(folder / "remotes" / "project")
    deeds = folder / "deeds"
    deeds.touch()
    async with httpx.AsyncClient(
        base_url=parts.direct_url("commands-1"),
        headers={"Authorization": f"Bearer {OWNER_TOKEN}"},
        trust_env=False,
        timeout=30.0,
    ) as client:

        async def submit(name: str, /, **fields: str) -> httpx.Response:
            key = {"Idempotency-Key": str(uuid.uuid4())}
            answer = await client.post(f"/v1/commands/{name}", json=fields, headers=key)
            return answer.raise_for_status()

        made = (await submit("organization.create", name="Org")).json()
        organization = made["ids"]["organization_id"]
        added = await submit(
            "repository.add", organization_id=organization, remote_url=repository.url
        )
        ann = (await submit("user.create", name="Ann")).json()["ids"]["user_id"]
        token = (await submit("token.create", user_id=ann)).json()["secret"]
        joined = await submit(
            "organization.add_member", organization_id=organization, user_id=ann, role="admin"
        )
    return Town(
        organization_id=organization,
        repository_id=added.json()["ids"]["repository_id"],
        people=[Person("usr_owner", OWNER_TOKEN), Person(ann, token)],
        deeds=deeds,
        newest=joined.json()["position"],
    )
