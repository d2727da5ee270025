"""`foundry serve`: everything in one process, or the roles that are named (docs/operations.md, "Roles")."""

import argparse
import asyncio
import gc
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

from commands.credentials import OWNER
from commands.login_codes import LoginCodes
from foundry import __version__
from foundry.application import application
from foundry.data_folder import locked, write_address
from foundry.event_log import own_log
from foundry.loop_watch import loop_watched
from foundry.node import Node, node
from foundry.stop_signal import CutShort, StopSignal
from foundry.web_server import WebServer, listening_socket, url_of
from foundry.write_side import ensure_token, uptime
from runtime import logs
from runtime.errors import FoundryError
from runtime.settings import BadSetting, Settings

log = logging.getLogger(__name__)

ALL = frozenset({"commands", "read", "workers"})
WORKERS = frozenset({"workers"})

AFTER_DRAIN_SECONDS = 3
GONE_SECONDS = 4.5
"""After a drain's deadline the process is gone, in order or not; 5 are promised (docs/protocol.md, "Drain and bye")."""

LOOK_SECONDS = 0.02

COLLECTED_AFTER = (10_000, 5, 20)
"""New objects between two searches for cycles. With the 700 of Python they cost a twentieth of a command."""


async def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C, then drain; 0 unless something failed."""
    roles = frozenset(options.roles) or ALL
    if options.roles and settings.nats_url is None:
        raise BadSetting(
            "A node with a role needs the NATS server it shares: set FOUNDRY_NATS_URL."
        )
    logs.configure(settings.log_level)
    started = time.monotonic()
    stop = StopSignal(within=settings.drain_seconds + GONE_SECONDS)
    with locked(settings.data_folder):
        listener = listening_socket(*settings.address)
        async with AsyncExitStack() as parts:
            try:
                async with stop.cutting_short():
                    event_log = await parts.enter_async_context(own_log(settings))
                    here = await parts.enter_async_context(node(settings, event_log, roles))
                    _spare_what_stays()
                    parts.enter_context(loop_watched())
                    # Nobody signs in to a worker, and agents could read what lies in its folder.
                    token = None if roles == WORKERS else await ensure_token(settings, here.write)
            except CutShort:
                return 0
            codes = LoginCodes(uptime)
            async with (
                _at_work(here) as working,
                _served(settings, here, codes, listener) as serving,
            ):
                address = url_of(*listener.getsockname()[:2])
                write_address(settings.data_folder, address)
                if await _ready(here, stop, working, serving):
                    seconds = time.monotonic() - started
                    say = _tell_machines if options.json else _say_where_to_go
                    say(address, codes, roles, token, seconds)
                await _first_of(stop.wait(), working, serving)
    return 0


def _spare_what_stays() -> None:
    """Exempt all loaded objects from garbage collection: one full collection stopped everything for 90 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


@asynccontextmanager
async def _at_work(here: Node) -> AsyncIterator[asyncio.Task[None]]:
    working = asyncio.create_task(here.run(), name="node")
    try:
        yield working
        if working.done():
            _say_why_it_ended(working)
    finally:
        working.cancel()
        await asyncio.wait([working])


def _say_why_it_ended(working: asyncio.Task[None]) -> None:
    """Raise what ended the work, by itself where it has a sentence for a person."""
    try:
        working.result()
    except* FoundryError as reasons:
        (reason, *_) = reasons.exceptions
        raise reason from None


@asynccontextmanager
async def _served(
    settings: Settings, here: Node, codes: LoginCodes, listener: socket.socket
) -> AsyncIterator[asyncio.Task[None]]:
    server = WebServer(application(settings, here, codes), graceful_seconds=AFTER_DRAIN_SECONDS)
    serving = asyncio.create_task(server.serve_on(listener), name="web server")
    try:
        await _first_of(server.listening.wait(), serving)
        if serving.done():
            serving.result()
        yield serving
    finally:
        # uvicorn waits for open streams before it ends: they are drained while it still serves.
        await here.drain(asyncio.get_running_loop().time() + settings.drain_seconds)
        log.info("cleanup started")
        server.should_exit = True
        await serving
        log.info("cleanup ended")


async def _ready(here: Node, stop: StopSignal, *parts: asyncio.Task[None]) -> bool:
    """Wait until the node is ready; False when it was told to stop, or one of its parts ended, before."""
    while True:
        if stop.is_set() or any(part.done() for part in parts):
            return False
        if not here.reasons_not_ready():
            return True
        await asyncio.sleep(LOOK_SECONDS)


async def _first_of(one: Coroutine[None, None, object], *others: asyncio.Task[None]) -> None:
    waiting = asyncio.ensure_future(one)
    await asyncio.wait([waiting, *others], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _tell_machines(
    address: str,
    codes: LoginCodes,
    roles: frozenset[str],
    token: str | None,
    seconds: float,
) -> None:
    ready: dict[str, object] = {
        "address": address,
        "version": __version__,
        "roles": sorted(roles),
        "seconds": round(seconds, 3),
    }
    if "commands" in roles and token is not None:
        ready["sign_in"] = _link(address, codes, roles)
    print(json.dumps(ready), flush=True)


def _say_where_to_go(
    address: str,
    codes: LoginCodes,
    roles: frozenset[str],
    token: str | None,
    seconds: float,
) -> None:
    lines = [f"Foundry {__version__} is ready at {address} ({seconds:.1f} s)"]
    if roles != ALL:
        lines.append(f"  roles    {', '.join(sorted(roles))}")
    if "commands" in roles and token is not None:
        where = "" if "read" in roles else "behind the address of the page; "
        lines.append(
            f"  sign in  {_link(address, codes, roles)}   ({where}once, within ten minutes)"
        )
    if token is None and roles != WORKERS:
        lines.append("  token    in the data folder of the log's first start, or set FOUNDRY_TOKEN")
    elif token is not None:
        lines.append("  token    .venv/bin/foundry token")
        if roles == ALL:
            lines.append("  demo     .venv/bin/foundry demo   (in another terminal)")
    lines += [f"  api      {address}/v1/openapi.json", "  stop     Ctrl-C"]
    # At once: whoever reads the first line only (`| head -1`) does not end the node with that.
    print("".join(f"{line}\n" for line in lines), end="", flush=True)


def _link(address: str, codes: LoginCodes, roles: frozenset[str]) -> str:
    # The page is on nodes that read: another one does not have it, and does not know who has.
    return f"{address if 'read' in roles else ''}/#code={codes.issue(OWNER)}"
