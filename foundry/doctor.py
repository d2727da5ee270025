"""`foundry doctor`: looks at everything that can be wrong and says how to mend it."""

import argparse
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
from msgspec import DecodeError, Struct, json

from events.store import id_of
from foundry import running
from foundry.data_folder import has_log, holder
from foundry.event_log import any_log
from foundry.full_disk import disk_refusal
from projectors.parking import AGGREGATE, PARKED, Parked
from runtime.errors import FoundryError
from runtime.settings import Settings, environment
from workflows.agents import find_agent, known_agents

ENOUGH_DISK = 1 << 30


class Finding(Struct, frozen=True):
    """One thing looked at; `advice` says what to do when it is not well."""

    what: str
    well: bool
    detail: str
    advice: str = ""


async def doctor(settings: Settings, options: argparse.Namespace) -> int:
    """Status 0 when all is well."""
    findings = [finding async for finding in _findings(settings)]
    for finding in findings:
        if options.json:
            print(json.encode(finding).decode())
        else:
            print(f"{'ok ' if finding.well else 'BAD'}  {finding.what}: {finding.detail}")
            if not finding.well:
                print(f"     {finding.advice}")
    return 0 if all(finding.well for finding in findings) else 1


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield _program("git", "Install git; sandboxes are made with it.")
    yield _disk(settings)
    yield _agents(settings)
    async for finding in _log(settings):
        yield finding
    for finding in _projections(settings.data_folder / "projections"):
        yield finding
    async for finding in _server(settings):
        yield finding


def _program(name: str, advice: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path is not None, path or "not found on PATH", advice)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_folder.absolute()
    free = shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free
    return Finding(
        "disk",
        free > ENOUGH_DISK,
        f"{free >> 20} MiB free at {folder}",
        "Make room: on a full disk JetStream stops answering and commands get 503.",
    )


def _agents(settings: Settings) -> Finding:
    agents = known_agents(settings.agents)
    found = []
    for name in agents:
        try:
            find_agent(agents, name, path=environment().get("PATH", ""))
        except FoundryError:
            continue
        found.append(name)
    return Finding(
        "agents",
        "shell" in found,
        f"{', '.join(found)} of {', '.join(agents)} can be started here",
        "Install the project again: the built-in agent is missing.",
    )


async def _log(settings: Settings) -> AsyncIterator[Finding]:
    if settings.nats_url is None and not has_log(settings.data_folder):
        yield Finding("log", True, "none yet in this data folder; `foundry serve` begins one")
        return
    try:
        async with any_log(settings) as log:
            head = await log.store.head()
            yield Finding(
                "log",
                True,
                f"{head} commits, nats-server {log.connection.server_version}, durability {log.durability}",
            )
    except FoundryError as error:
        yield Finding(
            "log",
            False,
            error.detail,
            "Check FOUNDRY_NATS_URL, or the log of the embedded server in the data folder.",
        )


def _projections(folder: Path) -> list[Finding]:
    return [_projection(path) for path in sorted(folder.glob("*.sqlite3"))]


def _projection(path: Path) -> Finding:
    what = f"projection {path.stem}"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT value FROM rows WHERE topic = ? AND entity = ?", (PARKED, AGGREGATE)
            ).fetchall()
        parked = [json.decode(value, type=Parked) for (value,) in rows]
    except (sqlite3.Error, DecodeError) as error:
        return Finding(
            what,
            False,
            f"{path} cannot be read ({error})",
            "The disk takes nothing, or this user may not: make room, or let it be written."
            if disk_refusal(error)
            else "Stop the server, remove this file and those beside it whose names begin with its name;"
            " the next start builds it anew from the log.",
        )
    detail = "; ".join(
        f"{id_of(one.subject)} at position {one.position} {one.reason}" for one in parked
    )
    return Finding(
        what,
        not parked,
        detail or "nothing parked",
        "These stand still at a commit that cannot be read or folded; the others go on. Run code"
        " that can read it, or send poison.retry, or poison.skip to leave the commit out.",
    )


async def _server(settings: Settings) -> AsyncIterator[Finding]:
    address = running.address_of(settings)
    if not await running.answers(settings):
        who = holder(settings.data_folder)
        yield Finding(
            "server",
            who is None,
            f"{who} has this data folder and does not answer at {address}"
            if who
            else f"none works on this data folder; it would listen at {address}",
            running.held_by(who, settings) if who else "",
        )
        return
    try:
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=5) as client:
            reasons = (await client.get("/readyz")).json()["reasons"]
    except (httpx.HTTPError, ValueError, LookupError) as error:
        reasons = [f"not answering as it should ({error!r})"]
    yield Finding(
        "server",
        not reasons,
        f"{address} is {'; '.join(reasons) or 'ready'}",
        "Wait for a catch-up to end; for anything else the server's log says more.",
    )
