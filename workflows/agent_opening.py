"""How a conversation with an agent begins: the version, a login if it wants one, a session old or new."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from workflows.acp_words import CLIENT, PROTOCOL_VERSION, Abilities, abilities_of
from workflows.agent_errors import AgentDied, AgentFailed, LoginWanted, NotTakenUp

Request = Callable[[str, object], Awaitable[dict[str, object]]]
"""A method and its parameters; the result. Raises `AgentFailed` if the agent refuses."""

RESUME_SECONDS = 45.0


@dataclass(frozen=True)
class Opened:
    session_id: str
    answer: dict[str, object]
    """What the agent says of the session, the models it may use among it."""
    resumed: bool


async def open_session(request: Request, *, cwd: str, resume: str | None) -> Opened:
    """Take the session `resume` up, if it has a name, else begin a new one. Raises `AgentFailed`, `NotTakenUp`."""
    abilities = abilities_of(await request("initialize", CLIENT))
    if abilities.version != PROTOCOL_VERSION:
        raise AgentFailed(
            f"The agent speaks version {abilities.version} of the protocol, not {PROTOCOL_VERSION}."
        )
    params: dict[str, object] = {"cwd": cwd, "mcpServers": []}
    if resume and (method := abilities.resume_method) is not None:
        try:
            async with asyncio.timeout(RESUME_SECONDS):
                answer = await _enter(request, abilities, method, {**params, "sessionId": resume})
            return Opened(session_id=resume, answer=answer, resumed=True)
        except AgentDied as death:
            raise NotTakenUp(str(death)) from None
        except TimeoutError:
            raise NotTakenUp(
                f"The agent did not take its conversation up within {RESUME_SECONDS:g} seconds."
            ) from None
        except AgentFailed:
            pass
    answer = await _enter(request, abilities, "session/new", params)
    session_id = answer.get("sessionId")
    if not isinstance(session_id, str):
        raise AgentFailed("The agent opened a session without a name.")
    return Opened(session_id=session_id, answer=answer, resumed=False)


async def _enter(
    request: Request, abilities: Abilities, method: str, params: dict[str, object]
) -> dict[str, object]:
    """Ask for a session, if need be again after a login with one of the keys the agent was given."""
    try:
        return await request(method, params)
    except LoginWanted:
        for login in abilities.key_logins:
            with suppress(AgentFailed):
                await request("authenticate", {"methodId": login})
                break
        else:
            raise
    return await request(method, params)
