"""Waits until a topic shows what was stored at a position: by what the stream brings, or by one conditional read."""

import asyncio

from foundry_client.conductor import Conductor
from foundry_client.happenings import ReadAnswered
from foundry_client.patience import WORTH_ANOTHER_TRY, problem_in, until_answered
from foundry_client.server import Answer, Server
from foundry_client.transport import moment


async def reach(
    conductor: Conductor, server: Server, topic: str, position: int, *, within: float
) -> None:
    """Return as soon as it does. Raises `Problem` when it does not `within` so many seconds, or cannot."""
    view = conductor.view(topic)
    if view is not None and view.version >= position:
        return
    told = conductor.waiters.until(topic, position)
    asking = asyncio.create_task(_read(conductor, server, topic, position, within))
    try:
        await asyncio.wait({told, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            asking.result()
    finally:
        told.cancel()
        asking.cancel()
        await asyncio.gather(told, asking, return_exceptions=True)


async def _read(
    conductor: Conductor, server: Server, topic: str, position: int, within: float
) -> None:
    async def ask() -> Answer:
        view = conductor.view(topic)
        return await server.view(topic, etag=view.tag if view else None, at_least=position)

    answer = await until_answered(ask, within=within)
    if answer.status not in WORTH_ANOTHER_TRY:
        conductor.happen(
            ReadAnswered(
                topic=topic,
                status=answer.status,
                at_least=position,
                cause="at_least",
                body=answer.body,
                code=answer.code,
                detail=answer.detail,
                **moment(),
            )
        )
    if answer.status not in (200, 304):
        raise problem_in(answer)
