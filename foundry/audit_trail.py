"""`foundry history`, `tail` and `replay`: the log itself, read from the store."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from events.codec import Undecodable
from events.commit import Recorded, tag_of
from events.ids import Position
from events.log import KIND_OF_PREFIX, LOG_ID, LOG_KIND, kind_of_id
from events.shown import shown
from events.store import EventStore, subject_of
from foundry.event_log import EventLog, any_log
from runtime.errors import Invalid, NotFound, Unavailable
from runtime.settings import Settings

T = TypeVar("T")

SHOW_EVERY = 0.5


async def history(settings: Settings, options: argparse.Namespace) -> int:
    """The audit trail of one aggregate, oldest first."""
    kind = LOG_KIND if options.id == LOG_ID else kind_of_id(options.id)
    if kind is None:
        raise Invalid(
            f"{options.id} is no id of an aggregate; they begin with {', '.join(KIND_OF_PREFIX)},"
            f" or it is {LOG_ID}."
        )
    async with any_log(settings) as log:
        found = await log.store.load(subject_of(kind, options.id))
        if not found:
            raise NotFound(f"There is nothing in the log about {options.id}.")
        show = _printer(options)
        for recorded in found:
            show(recorded)
    return 0


async def tail(settings: Settings, options: argparse.Namespace) -> int:
    """Commits as they come, until Ctrl-C."""
    async with any_log(settings) as log:
        head = await log.store.head()
        after = head if options.after is None else _within(options.after, head)
        await _while_it_runs(log, _show_all(log.store, after, _printer(options)))
    return 0


async def replay(settings: Settings, options: argparse.Namespace) -> int:
    """Read and decode everything once: is the log readable, what is in it, how fast does it come."""
    async with any_log(settings) as log:
        head = await log.store.head()
        counts: Counter[str] = Counter()
        damaged: list[int] = []
        started = time.perf_counter()
        after = _within(options.after, head)
        read = await _while_it_runs(log, _count(log.store, after, head, counts, damaged))
        seconds = time.perf_counter() - started
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    result = {
        "commits": read,
        "head": head,
        "seconds": round(seconds, 3),
        "commits_per_second": round(read / seconds) if seconds else 0,
        "events": dict(counts.most_common()),
        "undecodable": damaged,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{read} commits up to {head} in {seconds:.2f} s")
        for tag, count in counts.most_common():
            print(f"{count:>9}  {tag}")
        for position in damaged:
            print(f"cannot be read: position {position}")
    return 1 if damaged else 0


def _within(after: int, head: Position) -> Position:
    if after > head:
        raise Invalid(f"The log ends at {head}; there is nothing behind {after} yet.")
    return Position(after)


async def _while_it_runs(log: EventLog, reading: Coroutine[Any, Any, T]) -> T:
    """What `reading` returns. Raises `Unavailable` once the process that ran the log's server has ended."""
    read = asyncio.create_task(reading, name="reading")
    left = asyncio.create_task(log.until_left(), name="server left")
    try:
        await asyncio.wait((read, left), return_when=asyncio.FIRST_COMPLETED)
        if read.done():
            return read.result()
        raise Unavailable(
            "The process that ran the nats-server of this data folder has ended; run this again,"
            " with `--after` and the last position you saw."
        )
    finally:
        read.cancel()
        left.cancel()
        await asyncio.wait((read, left))


async def _show_all(store: EventStore, after: Position, show: Callable[[Recorded], None]) -> None:
    async for batch in store.read(after):
        for recorded in batch:
            show(recorded)


async def _count(
    store: EventStore, after: Position, head: Position, counts: Counter[str], damaged: list[int]
) -> int:
    read, shown = 0, time.monotonic()
    if after >= head:
        return 0
    async for batch in store.read(after):
        for recorded in batch:
            read += 1
            try:
                counts.update(tag_of(event) for event in recorded.commit.events)
            except Undecodable:
                damaged.append(recorded.position)
        if sys.stderr.isatty() and time.monotonic() - shown > SHOW_EVERY:
            shown = time.monotonic()
            print(f"\r{batch[-1].position} of {head}", end="", file=sys.stderr, flush=True)
        if batch[-1].position >= head:
            return read
        await asyncio.sleep(0)
    return read


def _printer(options: argparse.Namespace) -> Callable[[Recorded], None]:
    return _print_json if options.json else _print_line


def _print_json(recorded: Recorded) -> None:
    print(json.dumps(_plain(recorded)), flush=True)


def _print_line(recorded: Recorded) -> None:
    plain = _plain(recorded)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(plain["at"] / 1000))
    command = plain["command"]["name"] if plain["command"] else "-"
    tags = " ".join(event["type"] for event in plain["events"])
    print(
        f"{recorded.position:>8}  {when}  {plain['actor']:<12}  {command:<22}  {recorded.subject}  {tags}",
        flush=True,
    )


def _plain(recorded: Recorded) -> dict[str, Any]:
    try:
        commit = recorded.commit
    except Undecodable as error:
        return {
            "position": recorded.position,
            "at": 0,
            "actor": "?",
            "command": None,
            "events": [],
            "error": str(error),
        }
    return {
        "position": recorded.position,
        "subject": recorded.subject,
        "kind": recorded.kind,
        "at": commit.at,
        "actor": commit.actor,
        "command": msgspec.to_builtins(commit.command),
        "events": [shown(event) for event in commit.events],
    }
