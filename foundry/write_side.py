"""The write side put together: what every node needs to know who is asking, and what takes commands."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from commands.access import AccessControl
from commands.aggregates import Aggregates
from commands.credentials import OWNER, new_token
from commands.decider import Absent
from commands.directory import Directory
from commands.first_owner import ensure_owner
from commands.handler import CommandHandler
from commands.reports import Reports
from commands.state_file import StateFile
from commands.user import USER
from events.addresses import parse_remote
from events.ids import Timestamp
from foundry.data_folder import read_token, write_token
from foundry.event_log import EventLog
from runtime.errors import Unavailable
from runtime.settings import Settings
from workflows.agents import known_agents
from workflows.sandbox_agent_launcher import SANDBOX_AGENT_AGENTS

log = logging.getLogger(__name__)


def now() -> Timestamp:
    """The clock of this process, in milliseconds since the Unix epoch."""
    return Timestamp(time.time_ns() // 1_000_000)


def uptime() -> Timestamp:
    """Milliseconds since the machine was started: nobody sets this clock, so it is for what ends with this process."""
    return Timestamp(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


@dataclass(frozen=True, kw_only=True)
class WriteSide:
    aggregates: Aggregates
    directory: Directory
    access: AccessControl
    reports: Reports
    commands: CommandHandler


@asynccontextmanager
async def write_side(settings: Settings, event_log: EventLog) -> AsyncIterator[WriteSide]:
    """Open it at the log's end; a feed with its `aggregates` and `directory` keeps it fresh."""
    agents = set(known_agents(settings.agents))
    providers = {"local"}
    if settings.sandbox_agent_url is not None:
        agents |= SANDBOX_AGENT_AGENTS
        providers.add("sandbox-agent")
    with ExitStack() as opened:
        states = StateFile(settings.data_folder / "states.sqlite3")
        opened.callback(states.close)
        aggregates = Aggregates(event_log.store, states=states)
        await aggregates.start()
        opened.callback(event_log.connection.on_reconnect(aggregates.forget_all))
        directory = await Directory.open(
            settings.data_folder / "directory.sqlite3", event_log.store
        )
        opened.callback(directory.close)
        access = AccessControl(aggregates, directory, now)
        yield WriteSide(
            aggregates=aggregates,
            directory=directory,
            access=access,
            reports=Reports(event_log.store, aggregates, now),
            commands=CommandHandler(
                event_log.store,
                aggregates,
                directory,
                access,
                now,
                read_remote=lambda url: parse_remote(url, settings.local_root),
                known_agents=frozenset(agents),
                known_providers=frozenset(providers),
            ),
        )


async def ensure_token(settings: Settings, side: WriteSide) -> str | None:
    """The owner's token of this node, made with the owner when the log is new.

    None on a node that has none, for a log whose owner's token stands in another data folder. An
    owner whose history cannot be read is left as they are: everybody else has work to do.
    """
    try:
        return await _good_token(settings, side)
    except Unavailable as error:
        if error.code != "unreadable":
            raise
        log.error("the owner's history cannot be read", extra={"reason": error.detail})
        return settings.token or read_token(settings.data_folder)


async def _good_token(settings: Settings, side: WriteSide) -> str | None:
    if settings.token is not None:
        if not await ensure_owner(side.reports, settings.token, now=now()):
            raise Unavailable("FOUNDRY_TOKEN was revoked or has expired; set another one.")
        return settings.token
    token = read_token(settings.data_folder)
    if token is None:
        owner = (await side.aggregates.confirmed(USER, OWNER)).state
        if not isinstance(owner, Absent):
            return None
        token = new_token(OWNER)
        # First the file, then the fact: a crash in between loses no token.
        write_token(settings.data_folder, token)
    if not await ensure_owner(side.reports, token, now=now()):
        token = new_token(OWNER)
        write_token(settings.data_folder, token)
        await ensure_owner(side.reports, token, now=now())
    return token
