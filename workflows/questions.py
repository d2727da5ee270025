"""What an agent asks for permission, each question on its own way to an answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from events.agent_session import PermissionOption
from workflows.acp_words import outcome_of
from workflows.json_rpc import Connection, Disconnected, Message

log = logging.getLogger(__name__)

Ask = Callable[[str, Sequence[PermissionOption]], Awaitable[str | None]]
"""Asked for permission: the title and the options; the id of one, or None for "cancelled"."""

QUESTIONS = 16
"""Permission requests open at once; an agent that has more open gets "cancelled" for the others."""


class PermissionRequests:
    """`ask` is whoever answers now; while there is nobody, every question is "cancelled"."""

    def __init__(self, connection: Connection) -> None:
        self.ask: Ask | None = None
        self._connection = connection
        self._open: set[asyncio.Task[None]] = set()

    async def put(self, request: Message, title: str, options: Sequence[PermissionOption]) -> None:
        """Have a request answered, while more is read; one too many is answered before that. Raises `Disconnected`."""
        if len(self._open) >= QUESTIONS:
            # An agent that asks on and on and reads no answer would fill the memory with them.
            await self._connection.answer(request, outcome_of(None, options))
            return
        task = asyncio.create_task(self._answer(request, title, options), name="permission")
        self._open.add(task)
        task.add_done_callback(self._answered)

    def drop(self) -> None:
        """Answer all that are open with "cancelled", and those to come, until `ask` is set again."""
        self.ask = None
        for question in self._open:
            question.cancel()

    async def _answer(
        self, request: Message, title: str, options: Sequence[PermissionOption]
    ) -> None:
        chosen: str | None = None
        try:
            if self.ask is not None:
                chosen = await self.ask(title, options)
        finally:
            # An agent left without an answer would wait for ever, whatever became of the question.
            with suppress(Disconnected):
                await self._connection.answer(request, outcome_of(chosen, options))

    def _answered(self, question: asyncio.Task[None]) -> None:
        self._open.discard(question)
        if not question.cancelled() and (error := question.exception()) is not None:
            log.error("permission request failed", exc_info=error)
