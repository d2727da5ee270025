"""The log this process works on: an embedded nats-server of its own, one that runs here already, or one outside."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

from events.jetstream import JetStreamStore, open_store
from events.jetstream_stream import UnfitStream
from foundry.data_folder import A_COMMAND, DataFolderInUse, check_usable, has_log, locked
from foundry.durability import outside_durability, require
from foundry.full_disk import Remedy
from projectors.build import StoreAddress
from runtime.child_process import until_ended
from runtime.connection import Connection, connect
from runtime.embedded_server import (
    EmbeddedServer,
    ServerDidNotStart,
    ServerInUse,
    embedded_server,
    running_server,
)
from runtime.errors import Unavailable
from runtime.settings import Settings, readable_file

DOUBTED_SECONDS = 10.0
"""So long after a commit that was refused nobody should send more here; then somebody has to try."""


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """The log as this process uses it: its store, its connection, and what belongs to them.

    `durability` is `fsync`, `os`, `replicated(n)` or `unknown`: what an acknowledged commit survives.
    `address` is how a process of its own opens the same store; `server` is the embedded one, if it is that.
    """

    store: JetStreamStore
    connection: Connection
    durability: str
    address: StoreAddress
    server: EmbeddedServer | None = None
    remedy: Remedy | None = None

    def reasons_not_ready(self) -> Sequence[str]:
        """Each a sentence: why no commit can be stored now, as far as this node knows."""
        if not self.connection.connected:
            trouble = self.server.trouble if self.server is not None else None
            why = f" ({trouble})" if trouble else ""
            return [f"disconnected: there is no connection to NATS{why}"]
        refused_at = self.store.refused_at
        if refused_at is None:
            return []
        no_room = self.remedy.no_room() if self.remedy is not None else None
        if no_room is None and monotonic() - refused_at > DOUBTED_SECONDS:
            return []
        why = no_room or self.store.refused_with or "its server does not say why"
        return [f"stuck: the log takes no commits ({why})"]

    async def until_left(self) -> None:
        """Wait for the end of the other process that runs the embedded server; for ever where there is none."""
        owner = self.server.owner if self.server is not None else None
        await (asyncio.Event().wait() if owner is None else until_ended(owner))


@asynccontextmanager
async def store_at(
    url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    creds: str | None = None,
    ca: str | None = None,
) -> AsyncIterator[JetStreamStore]:
    """The store behind an address, for a process of its own."""
    async with connect(url, user=user, password=password, creds=creds, ca=ca) as connection:
        yield await open_store(connection, begin=False)


@asynccontextmanager
async def own_log(settings: Settings, *, begin: bool = True) -> AsyncIterator[EventLog]:
    """For `serve`: the outside server of FOUNDRY_NATS_URL, else an embedded one for as long as this is open.

    A log is begun where there is none. Without `begin`, `Unavailable` is raised instead.
    """
    if settings.nats_url is not None:
        async with _outside(settings, settings.nats_url, begin=begin) as log:
            yield log
        return
    folder = settings.data_folder / "nats"
    try:
        async with (
            embedded_server(folder, durability=settings.durability) as server,
            _embedded(settings, server, begin=begin) as log,
        ):
            remedy = Remedy(server, log.store, log.connection, folder)
            log.store.on_refusal(remedy.apply)
            yield replace(log, remedy=remedy)
    except (ServerDidNotStart, ServerInUse) as error:
        raise Unavailable(str(error)) from None


@asynccontextmanager
async def any_log(settings: Settings) -> AsyncIterator[EventLog]:
    """For the other commands: the server that runs, whoever started it, else an embedded one for their time.

    For that time the data folder is theirs. Raises `Unavailable` while somebody has it whose server
    does not run: it is being started.
    """
    begin = nothing_to_lose(settings)
    if settings.nats_url is not None:
        async with own_log(settings, begin=begin) as log:
            yield log
        return
    check_usable(settings.data_folder)
    running = running_server(settings.data_folder / "nats")
    async with AsyncExitStack() as parts:
        if running is None:
            try:
                parts.enter_context(locked(settings.data_folder, by=A_COMMAND))
            except DataFolderInUse as error:
                raise Unavailable(
                    f"{error.holder} has {settings.data_folder}, and no nats-server of its own runs there"
                    " at this moment; try again, with the FOUNDRY_NATS_URL it has if it uses an outside one."
                ) from None
        yield await parts.enter_async_context(
            own_log(settings, begin=begin)
            if running is None
            else _embedded(settings, running, begin=begin)
        )


def nothing_to_lose(settings: Settings) -> bool:
    """Whether a command that only reads may begin a log: elsewhere, one that is not there may be missing (decision 0024)."""
    return settings.nats_url is None and not has_log(settings.data_folder)


@asynccontextmanager
async def _embedded(
    settings: Settings, server: EmbeddedServer, *, begin: bool
) -> AsyncIterator[EventLog]:
    where: dict[str, str | None] = {
        "url": server.url,
        "user": server.user,
        "password": server.password,
    }
    async with connect(server.url, user=server.user, password=server.password) as connection:
        log = await _opened(settings, connection, settings.durability, where, begin=begin)
        yield replace(log, server=server)


@asynccontextmanager
async def _outside(settings: Settings, url: str, *, begin: bool) -> AsyncIterator[EventLog]:
    readable_file("nats_creds", settings.nats_creds)
    readable_file("nats_ca", settings.nats_ca)
    where = {"url": url, "creds": settings.nats_creds, "ca": settings.nats_ca}
    async with connect(url, creds=settings.nats_creds, ca=settings.nats_ca) as connection:
        yield await _opened(settings, connection, None, where, begin=begin)


async def _opened(
    settings: Settings,
    connection: Connection,
    own: Literal["fsync", "os"] | None,
    where: dict[str, str | None],
    *,
    begin: bool,
) -> EventLog:
    try:
        store = await open_store(connection, replicas=settings.nats_replicas, begin=begin)
    except UnfitStream as error:
        raise Unavailable(str(error)) from None
    durability = own or await outside_durability(settings, replicas=store.replicas)
    require(settings, durability)
    return EventLog(
        store=store,
        connection=connection,
        durability=durability,
        address=StoreAddress(factory="foundry.event_log:store_at", arguments=where),
    )
