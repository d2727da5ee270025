"""The running server, as the other commands see it: over HTTP, with the owner's token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from foundry.data_folder import A_COMMAND, holder, locked, read_address, read_host, read_token
from foundry.event_log import nothing_to_lose, own_log
from foundry.node import Node, node
from foundry.web_server import url_of
from foundry.write_side import ensure_token
from runtime.errors import Rejected, Unavailable
from runtime.settings import Settings

LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 600.0


class _Health(Struct):
    node: str
    roles: list[str]


def address_of(settings: Settings) -> str:
    """Where the server of this data folder listens, else where these settings would have it listen."""
    if (address := read_address(settings.data_folder)) is not None:
        return address
    return url_of(*settings.address)


def token_of(settings: Settings) -> str:
    """The owner's token this machine has. Raises `Unavailable` with the way out."""
    token = settings.token or read_token(settings.data_folder)
    if token is None:
        raise Unavailable(
            "This data folder has no token: it stands where the log was started first. Set FOUNDRY_TOKEN;"
            ' if it is lost, docs/operations.md says under "Tokens" how to come by another.'
        )
    return token


async def answers(settings: Settings, *needed: str) -> bool:
    """Whether the server of this data folder listens there, and not another folder's.

    Raises `Rejected` when it does, without one of the roles that are needed.
    """
    address = address_of(settings)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            response = await client.get(f"{address}/healthz")
            health = msgspec.json.decode(response.content, type=_Health)
    except (httpx.HTTPError, msgspec.DecodeError):
        return False
    if response.status_code != 200 or health.node != read_host(settings.data_folder):
        return False
    for role in needed:
        if role not in health.roles:
            raise Rejected(
                f"This takes a server with the role `{role}`; the one at {address} has only"
                f" {', '.join(health.roles)}. Set FOUNDRY_DATA to the data folder of one that has it."
            )
    return True


@asynccontextmanager
async def server(settings: Settings, role: str) -> AsyncIterator[httpx.AsyncClient | None]:
    """A client of the running server, which has the role; None when none runs, and the data folder is free."""
    if not await answers(settings, role):
        if (who := holder(settings.data_folder)) is not None:
            raise Unavailable(held_by(who, settings))
        yield None
        return
    async with client_of(settings) as client:
        yield client


def held_by(who: str, settings: Settings) -> str:
    """What to do while `who`, as `holder` names it, has the data folder and no server answers there."""
    if who.startswith(A_COMMAND):
        return (
            f"{who} has {settings.data_folder} until it ends, and no server runs there;"
            " wait for its end, or end it, and try again."
        )
    return (
        f"{who} has {settings.data_folder} but does not answer at {address_of(settings)}:"
        " it is starting, or stands still; try again, then look at its log."
    )


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of the server that runs. Raises `Unavailable` when that stops answering meanwhile."""
    address = address_of(settings)
    async with httpx.AsyncClient(
        base_url=address,
        headers={"Authorization": f"Bearer {token_of(settings)}"},
        trust_env=False,
        timeout=httpx.Timeout(30, read=PATIENCE_SECONDS),
    ) as client:
        try:
            yield client
        except* httpx.HTTPError as errors:
            raise Unavailable(
                f"The server at {address} stopped answering ({errors.exceptions[0]!r}); what was"
                " asked for may have happened. Look, and try again."
            ) from None


@asynccontextmanager
async def own_node(settings: Settings, roles: frozenset[str]) -> AsyncIterator[Node]:
    """A node for the time of one command, caught up with the log; the data folder is held meanwhile."""
    begin = "commands" in roles or nothing_to_lose(settings)
    with locked(settings.data_folder, by=A_COMMAND):
        async with own_log(settings, begin=begin) as log, node(settings, log, roles) as here:
            working = asyncio.create_task(here.run(), name="node")
            try:
                await ensure_token(settings, here.write)
                while here.reasons_not_ready() and not working.done():
                    await asyncio.sleep(LOOK_SECONDS)
                if working.done():
                    working.result()
                yield here
            finally:
                working.cancel()
                await asyncio.wait([working])


async def submit(client: httpx.AsyncClient, command: str, **data: object) -> dict[str, Any]:
    """Send one command. Raises `Rejected` with the problem's sentence."""
    response = await client.post(f"/v1/commands/{command}", json=data)
    answer: dict[str, Any] = response.json()
    if response.status_code != 202:
        raise Rejected(str(answer.get("detail", response.text)))
    return answer
