"""One process of the write side on a given store, as the composition root would put it together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid5

import msgspec

from commands.access import AccessControl
from commands.aggregates import Aggregates
from commands.answers import Answer
from commands.bodies import command_of
from commands.directory import Directory
from commands.first_owner import ensure_owner
from commands.handler import CommandHandler
from commands.reports import Reports
from events.addresses import parse_remote
from events.feed import Feed
from events.ids import OrganizationId, Position, Timestamp
from events.store import EventStore
from runtime.identity import Caller

OWNER_TOKEN = "the owner's token"
REMOTE = "https://example.com/acme/web.git"
_KEYS = UUID("0189d6a0-7b5e-7c3e-8f0a-5d3c2b1a0f9e")


def key(name: str) -> str:
    """An Idempotency-Key: the same for the same name."""
    return str(uuid5(_KEYS, name))


class Node:
    """`clock` is the time in milliseconds, moved by hand."""

    def __init__(self, store: EventStore, directory: Directory) -> None:
        self.store = store
        self.directory = directory
        self.clock = 1_000_000
        self.aggregates = Aggregates(store)
        self.feed = Feed(store, [self.aggregates, directory])
        self.access = AccessControl(self.aggregates, directory, self.now)
        self.reports = Reports(store, self.aggregates, self.now)
        self.commands = CommandHandler(
            store,
            self.aggregates,
            directory,
            self.access,
            self.now,
            read_remote=lambda url: parse_remote(url, Path("/repositories")),
            known_agents=frozenset({"shell", "claude"}),
        )
        self._keys = 0

    def now(self) -> Timestamp:
        return Timestamp(self.clock)

    async def owner(self) -> Caller:
        """The first owner, signed in with a token."""
        await ensure_owner(self.reports, OWNER_TOKEN, now=self.now())
        return await self.caller(OWNER_TOKEN)

    async def caller(self, secret: str) -> Caller:
        caller = await self.access.identify(secret)
        assert caller is not None
        return caller

    async def person(self, by: Caller, name: str) -> Caller:
        """Somebody new, signed in with a token of their own."""
        user_id = (await self.submit(by, "user.create", name=name)).ids["user_id"]
        made = await self.submit(by, "token.create", user_id=user_id)
        assert isinstance(made.secret, str)
        return await self.caller(made.secret)

    async def submit(
        self, caller: Caller, name: str, command_id: str | None = None, /, **fields: object
    ) -> Answer:
        """Give a command; without a command id under a key that was never used. `if_match` is the header."""
        if_match = fields.pop("if_match", None)
        assert if_match is None or isinstance(if_match, str)
        command = command_of(name, msgspec.json.encode(fields))
        if command_id is None:
            self._keys += 1
            command_id = key(f"{id(self)} {self._keys}")
        return await self.commands.handle(
            caller, name, command, command_id=command_id, if_match=if_match
        )

    async def reached(self, position: Position) -> None:
        """Wait until this node knows everything up to a position."""
        await self.feed.reached(position, within=5)


@asynccontextmanager
async def node_on(store: EventStore, *, directory: Path | str = ":memory:") -> AsyncIterator[Node]:
    """A node that follows the log."""
    async with deaf_node_on(store, directory=directory) as node:
        following = asyncio.create_task(node.feed.run(), name="feed")
        try:
            await node.reached(await store.head())
            yield node
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


@asynccontextmanager
async def deaf_node_on(
    store: EventStore, *, directory: Path | str = ":memory:"
) -> AsyncIterator[Node]:
    """A node that hears nothing of the log's tail: what it keeps stays as old as it was."""
    opened = await Directory.open(directory, store)
    node = Node(store, opened)
    await node.aggregates.start()
    try:
        yield node
    finally:
        opened.close()


class Acme:
    """An organization with one repository, and its owner."""

    def __init__(self, owner: Caller, organization_id: str, repository_id: str) -> None:
        self.owner = owner
        self.organization_id = OrganizationId(organization_id)
        self.repository_id = repository_id


async def acme(node: Node, owner: Caller | None = None) -> Acme:
    owner = owner or await node.owner()
    made = await node.submit(owner, "organization.create", name="Acme")
    organization_id = made.ids["organization_id"]
    added = await node.submit(
        owner, "repository.add", organization_id=organization_id, remote_url=REMOTE
    )
    return Acme(owner, organization_id, added.ids["repository_id"])


async def task_of(
    node: Node, place: Acme, command_id: str | None = None, /, **fields: object
) -> Answer:
    task = {"repository_id": place.repository_id, "prompt": "Fix login"}
    return await node.submit(place.owner, "task.create", command_id, **task, **fields)
