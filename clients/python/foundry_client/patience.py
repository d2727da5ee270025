"""Trying again with one request until a deadline: commands, and reads that wait for a position."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from foundry_client.problem import Problem
from foundry_client.server import Answer
from foundry_client.turn import jitter

WORTH_ANOTHER_TRY = (0, 429, 502, 503, 504)


async def until_answered(
    ask: Callable[[], Awaitable[Answer]],
    *,
    within: float,
    is_worth_another: Callable[[Answer], bool] = lambda answer: answer.status in WORTH_ANOTHER_TRY,
    retried: Callable[[], None] = lambda: None,
) -> Answer:
    """The first answer that another try would not change; after `within` seconds the last one there was."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    last = Answer(status=0, code="unreachable", detail=f"No answer within {within:g} s.")
    try:
        async with asyncio.timeout_at(deadline):
            attempt = 0
            while is_worth_another(last := await ask()):
                # Full jitter, so that all who were refused at once do not come back at once.
                wait = (last.retry_after_ms + jitter(random.random(), attempt)) / 1000
                if loop.time() + wait >= deadline:
                    break
                await asyncio.sleep(wait)
                attempt += 1
                retried()
    except TimeoutError:
        pass
    return last


def problem_in(answer: Answer, *, key: str | None = None) -> Problem:
    return Problem(answer.status, answer.code, answer.detail, answer.errors, key=key)
