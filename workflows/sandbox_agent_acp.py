"""An agent on a sandbox-agent server: the protocol over HTTP, made to look like a process with pipes.

What the agent says comes as events in order, answers too: they are the truth. A request's own
POST answers when the turn ends, may time out before, and counts only when the event got lost.
"""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

import httpx
import msgspec
from msgspec import Raw, Struct

from workflows.remote_pipe import RemotePipe
from workflows.sandbox_agent_api import SandboxAgentApi, complaint
from workflows.server_sent import NotEvents, server_sent

TRUNCATED = "truncated"
"""The kind of the entry that says: here the server left something out, and nobody has it any more."""

ANSWER_SECONDS = 2.0
"""So long no event has to come before an answer that only the POST had is taken for lost."""

DELETE_SECONDS = 1.0
"""The server does not answer this request while the agent lives, but obeys it."""

START_LOOK_SECONDS = 0.05
RECONNECTS = 6
AGENT_GONE = (404, 502)
TURN_OUTLASTED = 504
REFUSED = -32000


class _Head(Struct):
    id: int | str | None = None
    method: str | None = None
    params: Raw = Raw()


class _Exit(Struct):
    code: int | None = None


class _Prompt(Struct, rename="camel"):
    session_id: str = ""


class SandboxAgentAcp:
    """One agent process over there, called `key`. It has no standard error: what went wrong is said there."""

    def __init__(self, api: SandboxAgentApi, *, agent: str, key: str) -> None:
        self.stdin = _Input(self)
        self.stdout = RemotePipe()
        self.stderr = RemotePipe()
        self.exit_code: int | None = None
        self._api = api
        self._agent = agent
        self._path = f"/v1/acp/{key}"
        self._begun = False
        self._last = 0
        self._asked_again_after = -1
        self._asked: set[int | str] = set()
        self._in_turn = ""
        self._ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, api: SandboxAgentApi, *, agent: str, key: str) -> Self:
        """The server starts the agent with the first message. One of this name that an earlier life left is ended."""
        process = cls(api, agent=agent, key=key)
        listed = (await api.call("GET", "/v1/acp")).json()
        if any(one.get("serverId") == key for one in listed.get("servers", ())):
            await process._delete()
        return process

    def send(self, number: signal.Signals) -> None:
        """The protocol knows no signals: all end it."""
        self._begin_to_end()

    async def wait(self) -> int | None:
        """The exit code, once it has ended; None if it was ended, or the server is gone."""
        await self._ended.wait()
        return self.exit_code

    async def stop(self) -> int | None:
        """Cancel the turn, then end the agent."""
        await asyncio.shield(self._begin_to_end())
        return self.exit_code

    def close(self) -> None:
        """Let go of everything."""
        self._end(self.exit_code)
        for task in self._tasks:
            task.cancel()

    # --- To the agent ---

    async def post(self, line: bytes) -> None:
        """Send one message. A request's answer is not waited for, but its turn to be sent is."""
        if self._ended.is_set():
            raise BrokenPipeError
        head = msgspec.json.decode(line, type=_Head)
        if head.method is None or head.id is None:
            await self._post(line, None)
            return
        if head.method == "session/prompt":
            self._in_turn = msgspec.json.decode(head.params, type=_Prompt).session_id
        self._asked.add(head.id)
        options: dict[str, Any] = {}
        if not self._tasks:
            options["params"] = {"agent": self._agent}
            self._own(self._listen(), "agent events")
        sent = asyncio.Event()

        async def trace(step: str, _: object) -> None:
            if step == "http11.send_request_body.complete":
                sent.set()

        options["extensions"] = {"trace": trace}
        posting = self._own(self._post(line, head.id, **options), "agent request")
        waiting = asyncio.ensure_future(sent.wait())
        await asyncio.wait([posting, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _post(self, line: bytes, id: int | str | None, **options: Any) -> None:
        try:
            answer = await self._api.http.post(
                self._path,
                content=line,
                headers={"Content-Type": "application/json"},
                timeout=httpx.Timeout(30, connect=5, read=None, pool=None),
                **options,
            )
        except httpx.HTTPError as error:
            self._fail(f"The sandbox-agent server cannot be reached: {type(error).__name__}.")
            return
        if answer.status_code in AGENT_GONE or (answer.is_error and not self._begun):
            self._fail(complaint(answer))
        elif answer.is_error and answer.status_code != TURN_OUTLASTED and id is not None:
            refusal = {"code": REFUSED, "message": complaint(answer)}
            self._take(msgspec.json.encode({"jsonrpc": "2.0", "id": id, "error": refusal}))
        elif answer.is_success and id is not None:
            self._begun = True
            await self._make_up_for(id, answer.content)

    async def _make_up_for(self, id: int | str, answer: bytes) -> None:
        """The answer of the POST in place of an event that got lost."""
        while id in self._asked and not self._ended.is_set():
            before = self._last
            await asyncio.sleep(ANSWER_SECONDS)
            if id in self._asked and self._last == before and not self.stdout.full:
                self._take(answer)

    # --- From the agent ---

    async def _listen(self) -> None:
        failures = 0
        while failures <= RECONNECTS and not self._ended.is_set():
            before = self._last
            try:
                gone = not await self._read_events()
            except (httpx.HTTPError, NotEvents):
                gone = False
            if gone and not self._begun:
                # The first message is on its way: the agent is being started. Only its events
                # say so if it ends before it has answered.
                await asyncio.sleep(START_LOOK_SECONDS)
                continue
            if gone:
                break
            failures = 0 if self._last > before else failures + 1
            if failures:
                await asyncio.sleep(0.1 * 2**failures)
        self._fail("The sandbox-agent server has no events of this agent any more.")

    async def _read_events(self) -> bool:
        """Read one connection's worth. False if the server does not know the agent."""
        headers = {"Accept": "text/event-stream"}
        if self._last:
            headers["Last-Event-ID"] = str(self._last)
        timeout = httpx.Timeout(None, connect=5)
        async with self._api.http.stream(
            "GET", self._path, headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success:
                return False
            self._begun = True
            async for number, message in server_sent(answer.aiter_bytes()):
                if number <= self._last:
                    continue
                if number > self._last + 1 and self._asked_again_after != self._last:
                    # It waits for nobody, but what it sent last it has still: asking anew is
                    # how to catch up.
                    self._asked_again_after = self._last
                    return True
                if number > self._last + 1:
                    self._say_truncated(number - self._last - 1)
                self._last = number
                self._take(message)
                # Only here is anything waited for: the server throws away what is not read soon.
                await self.stdout.room()
        return True

    def _take(self, message: bytes) -> None:
        try:
            head = msgspec.json.decode(message, type=_Head)
        except msgspec.DecodeError:
            head = _Head()
        if head.method == "_adapter/agent_exited":
            with suppress(msgspec.DecodeError):
                self.exit_code = msgspec.json.decode(head.params, type=_Exit).code
            self._end(self.exit_code)
            return
        if head.method is None and head.id is not None:
            if head.id not in self._asked:
                return
            self._asked.discard(head.id)
            self._in_turn = ""
        self.stdout.feed(message + b"\n")

    def _say_truncated(self, missing: int) -> None:
        params = {"missing": missing}
        self.stdout.feed(msgspec.json.encode({"method": TRUNCATED, "params": params}) + b"\n")

    # --- Its end ---

    def _fail(self, reason: str) -> None:
        if not self._ended.is_set() and self._ending is None:
            self.stderr.feed(reason.encode())
        self._end(None)

    def _end(self, exit_code: int | None) -> None:
        self.exit_code = exit_code
        self.stdout.feed_eof()
        self.stderr.feed_eof()
        self._ended.set()

    def _begin_to_end(self) -> "asyncio.Task[None]":
        if self._ending is None:
            self._ending = asyncio.create_task(self._finish(), name="agent ends")
        return self._ending

    async def _finish(self) -> None:
        if not self._ended.is_set() and self._begun:
            if self._in_turn:
                await self._cancel_turn()
            await self._delete()
        self._end(self.exit_code)
        for task in list(self._tasks):
            task.cancel()

    async def _cancel_turn(self) -> None:
        body = {
            "jsonrpc": "2.0",
            "method": "session/cancel",
            "params": {"sessionId": self._in_turn},
        }
        with suppress(httpx.HTTPError):
            await self._api.http.post(self._path, json=body, timeout=DELETE_SECONDS)

    async def _delete(self) -> None:
        with suppress(httpx.HTTPError):
            await self._api.http.delete(self._path, timeout=DELETE_SECONDS)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Input:
    """Lines written here are messages; `drain` sends them one after the other."""

    def __init__(self, agent: SandboxAgentAcp) -> None:
        self._agent = agent
        self._unsent: list[bytes] = []

    def write(self, data: bytes, /) -> None:
        self._unsent.append(data)

    async def drain(self) -> None:
        while self._unsent:
            await self._agent.post(self._unsent.pop(0))

    def close(self) -> None:
        self._agent.send(signal.SIGTERM)
