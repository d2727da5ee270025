"""`foundry rebuild` and `foundry verify`: projections built anew from the log, beside the ones that serve."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec

from foundry import running
from foundry.node import Node
from projectors import rebuild as rebuilding
from projectors.build import build_in_child
from projectors.catalog import PROJECTIONS
from runtime.errors import Invalid, Unavailable
from runtime.settings import Settings

BAR = 40


async def rebuild(settings: Settings, options: argparse.Namespace) -> int:
    """Blue/green: equal rows change nothing, other rows take the place of the wrong ones."""
    (projection,) = _named(options.projection)
    result = await _run(settings, options, "rebuild", projection)
    if options.json:
        print(json.dumps(result))
    elif result["swapped"]:
        print(
            f"{options.projection}: the rows differed; the new ones are served as {result['epoch']}"
        )
    else:
        print(f"{options.projection}: the rows are what the log says; nothing had to change")
    return 0


async def verify(settings: Settings, options: argparse.Namespace) -> int:
    """Compare without changing anything; status 1 when rows differ."""
    differing = 0
    for projection in _named(options.projection):
        result = await _run(settings, options, "verify", projection)
        differing += len(result["differences"])
        if options.json:
            print(json.dumps(result))
            continue
        same = result["live_digest"] == result["rebuilt_digest"]
        print(
            f"{projection}: {'as the log says' if same else 'DIFFERS; mend it with foundry rebuild'}"
        )
        for difference in result["differences"]:
            print(f"  {difference}")
    return 1 if differing else 0


def _named(projection: str | None) -> Sequence[str]:
    """The projection of a name, all of them without one. Raises `Invalid`."""
    names = [one.name for one in PROJECTIONS]
    if projection is None:
        return names
    if projection not in names:
        raise Invalid(f"There is no projection {projection}; there are {', '.join(names)}.")
    return [projection]


async def _run(
    settings: Settings, options: argparse.Namespace, work: str, projection: str
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    async with running.server(settings, role="read") as client:
        if client is not None:
            async for step in _asked(client, work, projection):
                result = _shown(step, projection)
        else:
            async with running.own_node(settings, frozenset({"read"})) as here:
                async for step in _done_here(here, work, projection):
                    result = _shown(step, projection)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if "live_digest" not in result:
        raise Unavailable(str(result.get("detail", "The rebuild ended without a result.")))
    return result


async def _asked(
    client: httpx.AsyncClient, work: str, projection: str
) -> AsyncIterator[dict[str, Any]]:
    async with client.stream("POST", f"/v1/operator/{work}/{projection}") as response:
        async for line in response.aiter_lines():
            if line:
                yield json.loads(line)


async def _done_here(here: Node, work: str, projection: str) -> AsyncIterator[dict[str, Any]]:
    assert here.models is not None
    steps = {"rebuild": rebuilding.rebuild, "verify": rebuilding.verify}[work]
    async for step in steps(
        here.models, here.log.store, projection, build_in_child(here.log.address)
    ):
        yield msgspec.to_builtins(step)


def _shown(step: dict[str, Any], projection: str) -> dict[str, Any]:
    """Draw the progress bar for a step that is one."""
    if "until" in step and sys.stderr.isatty():
        share = step["position"] / step["until"] if step["until"] else 1.0
        bar = "#" * round(share * BAR)
        print(
            f"\r{projection} [{bar:<{BAR}}] {step['position']}/{step['until']}",
            end="",
            file=sys.stderr,
            flush=True,
        )
    return step
