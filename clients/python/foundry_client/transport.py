"""Does what the step function wants done, over the network and with timers; what comes of it goes back to `happen`."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import TypeAlias, TypedDict

import httpx
import msgspec

from foundry_client.effects import CancelTimer, Dispose, Interest, Open, ReadView, SetTimer
from foundry_client.happenings import (
    Happening,
    Heard,
    InterestAnswered,
    Lost,
    Opened,
    ReadAnswered,
    Retry,
    TimerRang,
    Told,
)
from foundry_client.problem import NOT_JSON
from foundry_client.server import UNREACHABLE, Server, answer_of
from foundry_client.sse import EventReader

log = logging.getLogger("foundry_client")

MAX_REFUSAL = 64 * 1024

ToDo: TypeAlias = Open | Dispose | Interest | ReadView | SetTimer | CancelTimer


class Moment(TypedDict):
    at: int
    random: float


def moment() -> Moment:
    """What the step function has to be told of the world outside."""
    return {"at": round(time.time() * 1000), "random": random.random()}


class Transport:
    """Every task and timer of a manager is in here, and `close` ends them all."""

    def __init__(self, server: Server, happen: Callable[[Happening], None]) -> None:
        self._server = server
        self._happen = happen
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def perform(self, todo: ToDo) -> None:
        match todo:
            case Open():
                self._streams[todo.connection] = self._start(self._stream(todo), "stream")
            case Dispose():
                stream = self._streams.pop(todo.connection, None)
                if stream is not None:
                    stream.cancel()
            case Interest():
                self._start(self._interest(todo), "interest")
            case ReadView():
                self._start(self._read(todo), "read")
            case SetTimer():
                self._cancel_timer(todo.name)
                loop = asyncio.get_running_loop()
                ring = loop.call_later(todo.ms / 1000, self._ring, todo.name)
                self._timers[todo.name] = ring
            case CancelTimer():
                self._cancel_timer(todo.name)

    async def close(self) -> None:
        """Nothing of this is left afterwards. Not to be awaited by a task of its own."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    # --- Streams ---

    async def _stream(self, opening: Open) -> None:
        connection = opening.connection
        try:
            async with self._server.stream(opening.topics, opening.cursor) as response:
                how = await self._follow(connection, response)
        except UNREACHABLE as error:
            detail = str(error) or type(error).__name__
            how = Lost(connection=connection, detail=detail, **moment())
        self._streams.pop(connection, None)
        self._happen(how)

    async def _follow(self, connection: int, response: httpx.Response) -> Lost:
        """Read a stream to its end; how it ended."""
        if response.status_code != 200:
            return await _refused(connection, response)
        kind = response.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "text/event-stream":
            detail = f"An answer of type {kind or 'none'}."
            return Lost(connection=connection, code="not_a_stream", detail=detail, **moment())
        self._happen(Opened(connection=connection, **moment()))
        reader = EventReader()
        async for piece in response.aiter_bytes():
            self._happen(Heard(connection=connection, **moment()))
            for event in reader.feed(piece):
                self._pass_on_retry(connection, reader)
                try:
                    data = msgspec.json.decode(event.data)
                except NOT_JSON:
                    detail = f"The data of a {event.name} is not JSON."
                    return Lost(connection=connection, detail=detail, **moment())
                told = Told(
                    connection=connection, name=event.name, data=data, id=event.id, **moment()
                )
                self._happen(told)
            self._pass_on_retry(connection, reader)
        return Lost(connection=connection, detail="The stream ended.", **moment())

    def _pass_on_retry(self, connection: int, reader: EventReader) -> None:
        """Before the event that follows the line: it may be the last."""
        if reader.retry_ms is not None:
            self._happen(Retry(connection=connection, ms=reader.retry_ms, **moment()))
            reader.retry_ms = None

    # --- Requests ---

    async def _interest(self, asked: Interest) -> None:
        answer = await self._server.interest(asked.sid, asked.revision, asked.add, asked.remove)
        self._happen(
            InterestAnswered(
                connection=asked.connection,
                revision=asked.revision,
                status=answer.status,
                retry_after_ms=answer.retry_after_ms,
                code=answer.code,
                detail=answer.detail,
                **moment(),
            )
        )

    async def _read(self, asked: ReadView) -> None:
        answer = await self._server.view(asked.topic, etag=asked.etag, at_least=asked.at_least)
        self._happen(
            ReadAnswered(
                topic=asked.topic,
                status=answer.status,
                at_least=asked.at_least,
                cause=asked.cause,
                body=answer.body,
                retry_after_ms=answer.retry_after_ms,
                code=answer.code,
                detail=answer.detail,
                **moment(),
            )
        )

    # --- Tasks and timers ---

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"foundry {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A defect of this client: a stream that fell silent because of it is noticed by its timer.
            log.error("a task failed", exc_info=error)

    def _ring(self, name: str) -> None:
        del self._timers[name]
        self._happen(TimerRang(name=name, **moment()))

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


async def _refused(connection: int, response: httpx.Response) -> Lost:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_REFUSAL:
            break
    answer = answer_of(response, body)
    return Lost(
        connection=connection,
        status=response.status_code,
        retry_after_ms=answer.retry_after_ms,
        code=answer.code,
        detail=answer.detail,
        **moment(),
    )
