"""`foundry doctor`: looks at everything that can be wrong and says how to mend it."""

import argparse
import re
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
from msgspec import DecodeError, Struct, json

from events.store import id_of
from foundry import running
from foundry.data_folder import has_log, holder
from foundry.event_log import any_log
from foundry.full_disk import no_room
from projectors.parking import AGGREGATE, PARKED, Parked
from runtime.errors import FoundryError
from runtime.settings import Settings, environment
from runtime.storage_errors import storage_refusal
from workflows.agents import find_agent, known_agents
from workflows.git import OLDEST as OLDEST_GIT

ENOUGH_DISK = 1 << 30
GIT_SECONDS = 10.0


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
    yield _git()
    yield _disk(settings.data_folder)
    if settings.data_folder.is_dir():
        yield _rights(settings.data_folder)
    yield _agents(settings)
    async for finding in _log(settings):
        yield finding
    for finding in _projections(settings.data_folder / "projections"):
        yield finding
    async for finding in _server(settings):
        yield finding


def _git() -> Finding:
    advice = f"Install git {OLDEST_GIT} or newer; sandboxes are made with it."
    path = shutil.which("git")
    if path is None:
        return Finding("git", False, "not found on PATH", advice)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("git", False, f"{path} does not run ({error})", advice)
    said = done.stdout.decode(errors="replace").strip()
    new = numbers(said) >= numbers(OLDEST_GIT)
    return Finding("git", new, f"{path}, {said or 'which does not say its version'}", advice)


def numbers(version: str) -> list[int]:
    """What comes first of `git version 2.39.5 (…)`, to be compared."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return [int(part) for part in found[0].split(".")] if found else []


def _disk(folder: Path) -> Finding:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    refusal = no_room(there) if there == folder else None
    return Finding(
        "disk",
        free > ENOUGH_DISK and refusal is None,
        refusal or f"{free >> 20} MiB free at {folder}",
        "Make room, or let it be written: on such a disk JetStream stops answering and commands get 503.",
    )


def _rights(folder: Path) -> Finding:
    """A folder that was there before keeps its mode, which is its operator's to choose: worth a word, and no fault."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    remark = (
        ": every account of this machine may look into it, at transcripts and working trees, unless a folder"
        f" above keeps them out; chmod o-rwx {folder} does"
    )
    said = f"{folder} has mode {mode:04o}"
    return Finding("data folder", True, said + remark if mode & stat.S_IRWXO else said)


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
    except (FoundryError, OSError) as error:
        yield Finding(
            "log",
            False,
            error.detail if isinstance(error, FoundryError) else str(error),
            "Check FOUNDRY_NATS_URL and that its servers run, or the data folder, with the embedded server's log in it.",
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
            "The disk takes nothing, this user may not, or another process holds the file: make room,"
            " let it be written, or end that process."
            if storage_refusal(error)
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
