"""`make overload`: far more commands at once than a node takes, from people who come back at once whatever they are told.

One server, everything in one process, with its embedded nats-server; eight people, each with an organization of their
own. What is let in has to be answered in a time that does not grow with the crowd, what is not has to be refused
early and told when to come back, and nothing else may be answered.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bench.figures import percentile
from bench.http_load import Load, closed_loop, post
from bench.prepared import plain_client
from bench.scenery import Running, node
from chaos.proc import held_by
from runtime.open_files import raise_limit

PEOPLE = 8
CROWDS = (64, 512, 1024, 2048, 4096)
ACCEPTED, REFUSED = 202, 429


class Person(NamedTuple):
    token: str
    organization_id: str


async def overload(seconds: float) -> int:
    """Status 0 if every answer was one of the two, and every refusal said when to come back."""
    raise_limit()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="overload-") as name:
        with node(Path(name) / "data", FOUNDRY_LOG_LEVEL="error") as server:
            people = await _people(server)
            print(
                f"{'clients':>8} {'accepted/s':>11} {'p50 ms':>7} {'p99 ms':>7} {'refused/s':>10}"
                f" {'p50 ms':>7} {'p99 ms':>7} {'MB':>5}"
            )
            for crowd in CROWDS:
                commands = [
                    _renames(person) for person in itertools.islice(itertools.cycle(people), crowd)
                ]
                load = await closed_loop(server.address, commands, seconds=seconds, warm_up=2.0)
                megabytes = held_by(server.pid).megabytes
                print(
                    f"{crowd:>8} {_told(load, ACCEPTED)} {_told(load, REFUSED)} {megabytes:>5.0f}",
                    flush=True,
                )
                others = load.statuses.keys() - {ACCEPTED, REFUSED}
                wrong += sum(load.statuses[status] for status in others)
                wrong += load.statuses.get(REFUSED, 0) - load.told_when
        errors = (Path(name) / "data.log").read_text()
    print(f"answers of other kinds, or refusals without Retry-After: {wrong}")
    print(f"errors in the server's log: {errors.count(chr(10))}")
    print(errors[-3000:], end="")
    return 1 if wrong or errors else 0


async def _people(server: Running) -> list[Person]:
    found = []
    headers = {"Authorization": f"Bearer {server.token}"}
    async with plain_client(server.address, headers, timeout=30) as owner:
        for number in range(PEOPLE):
            made = await _submitted(owner, "user.create", name=f"Person {number}")
            token = await _submitted(owner, "token.create", user_id=made["ids"]["user_id"])
            headers = {"Authorization": f"Bearer {token['secret']}"}
            async with plain_client(server.address, headers, timeout=30) as person:
                house = await _submitted(person, "organization.create", name="House")
            found.append(Person(token["secret"], house["ids"]["organization_id"]))
    return found


async def _submitted(client: httpx.AsyncClient, name: str, /, **fields: str) -> dict[str, Any]:
    answer = await client.post(f"/v1/commands/{name}", json=fields)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _renames(person: Person) -> Callable[[], bytes]:
    def rename() -> bytes:
        command = {"organization_id": person.organization_id, "name": f"Name {next(_numbers)}"}
        return post("/v1/commands/organization.update", person.token, json.dumps(command).encode())

    return rename


_numbers = itertools.count()


def _told(load: Load, status: int) -> str:
    some = load.answered.get(status)
    if not some:
        return f"{0:>10} {'-':>7} {'-':>7}"
    p50, p99 = (percentile(some, percent) * 1000 for percent in (50, 99))
    return f"{len(some) / load.seconds:>10,.0f} {p50:>7.1f} {p99:>7.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each crowd")
    return asyncio.run(overload(parser.parse_args().seconds))


if __name__ == "__main__":
    sys.exit(main())
