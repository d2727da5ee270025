"""A process on a sandbox-agent server, with its pipes brought here."""

import asyncio
import base64
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal, Self, TypeAlias

import httpx
from msgspec import Struct

from workflows.remote_pipe import RemotePipe
from workflows.sandbox_agent_api import SandboxAgentApi, SandboxAgentUnavailable, understood
from workflows.server_sent import NotEvents, server_sent

FIRST_LOOK_SECONDS = 0.05
LONGEST_LOOK_SECONDS = 1.0
AGAIN_SECONDS = 0.2
GONE_SECONDS = 15.0
"""A server that could not be reached for this long has taken the process with it."""

INPUT_BYTES = 48 << 10
"""The server takes 64 KB at once, in base64."""

LOG_SECONDS = 2.0
_LOST = b"\n[%d pieces of the output are lost: the server keeps the last 10 MB]\n"

WhenLost: TypeAlias = Literal["go on", "end"]
"""What becomes of a process of whose output the server has thrown away a part."""

Signal: TypeAlias = Callable[[signal.Signals], Awaitable[object]]
End: TypeAlias = Callable[[], Awaitable[object]]


class _Info(Struct, rename="camel"):
    id: str
    status: str
    exit_code: int | None = None


class _Log(Struct):
    sequence: int
    stream: str
    data: bytes
    """In base64 on the wire."""


class _Logs(Struct):
    entries: list[_Log]


class SandboxAgentProcess:
    """The far pipes come as a stream of log entries, its end is found by looking: the API has no word of it.

    `began` is its path there, or why the server did not start it.
    `tell` passes a signal on to the command and everything it started, `end` has all of it end.
    """

    def __init__(
        self,
        api: SandboxAgentApi,
        began: str | SandboxAgentUnavailable,
        *,
        tell: Signal,
        end: End,
        when_lost: WhenLost,
    ) -> None:
        self._path = began if isinstance(began, str) else ""
        self.stdin = _Input(api, self._path, self._finish)
        self.stdout = RemotePipe()
        self.stderr = RemotePipe()
        self.exit_code: int | None = None
        self._api = api
        self._tell = tell
        self._end_all = end
        self._when_lost = when_lost
        self._read_to = 0
        self._asked_again_after = -1
        self._ended = asyncio.Event()
        self._look = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        if isinstance(began, str):
            self._own(self._follow())
            self._own(self._watch())
        else:
            self.stderr.feed(f"{began.detail}\n".encode())
            self._end(127)

    @classmethod
    async def start(
        cls,
        api: SandboxAgentApi,
        command: Sequence[str],
        *,
        cwd: str,
        tell: Signal,
        end: End,
        when_lost: WhenLost,
    ) -> Self:
        """Start a command. One the server does not start ends with 127 and says why on its standard error."""
        began: str | SandboxAgentUnavailable
        body = {"command": command[0], "args": list(command[1:]), "cwd": cwd, "env": {}}
        try:
            answer = await api.call("POST", "/v1/processes", json={**body, "interactive": True})
        except SandboxAgentUnavailable as error:
            if error.status is None:
                raise
            began = error
        else:
            began = f"/v1/processes/{understood(answer.content, _Info).id}"
        return cls(api, began, tell=tell, end=end, when_lost=when_lost)

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on to the command and what it started; SIGTERM ends all of it."""
        if self._ended.is_set():
            return
        if number == signal.SIGTERM:
            self._finish()
        else:
            self._own(self._try(self._tell(number)))

    async def wait(self) -> int | None:
        """The exit code, once it has ended; None if a signal ended it."""
        await self._ended.wait()
        return self.exit_code

    async def stop(self) -> int | None:
        """End the command and everything it started, by force if it does not obey."""
        if not self._ended.is_set():
            await self._try(self._end_all())
        return await self.wait()

    def close(self) -> None:
        """Let go of the pipes."""
        for task in self._tasks:
            task.cancel()
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    def _finish(self) -> None:
        if self._path and not self._ended.is_set():
            self._own(self._try(self._end_all()))

    async def _try(self, call: Awaitable[object]) -> None:
        with suppress(SandboxAgentUnavailable):
            await call
        self._look.set()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="process of a sandbox")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self, exit_code: int | None) -> None:
        self.exit_code = exit_code
        self.stdout.feed_eof()
        self.stderr.feed_eof()
        self._ended.set()

    # --- What it prints ---

    async def _follow(self) -> None:
        """Read on for as long as it runs.

        The server waits for no reader, but keeps the last 10 MB: asking anew is how to catch up.
        What is missing then, nobody has any more.
        """
        while not self._ended.is_set():
            missing = 0
            with suppress(httpx.HTTPError, NotEvents, SandboxAgentUnavailable):
                missing = await self._read_log()
            if missing and self._asked_again_after == self._read_to:
                self._finish()
                return
            self._asked_again_after = self._read_to
            if not missing:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read_log(self) -> int:
        """Read until the stream ends, or as many entries as answered are missing and that cannot be passed over."""
        params = {"follow": "true", "stream": "combined", "since": str(self._read_to)}
        async with self._api.http.stream(
            "GET",
            f"{self._path}/logs",
            params=params,
            headers={"Accept": "text/event-stream"},
            timeout=httpx.Timeout(None, connect=5),
        ) as answer:
            async for _, data in server_sent(answer.aiter_bytes()):
                entry = understood(data, _Log)
                if entry.sequence <= self._read_to:
                    continue
                missing = entry.sequence - self._read_to - 1
                if missing:
                    if self._asked_again_after != self._read_to:
                        return missing
                    self.stderr.feed(_LOST % missing)
                    if self._when_lost == "end":
                        return missing
                self._read_to = entry.sequence
                pipe = self.stderr if entry.stream == "stderr" else self.stdout
                pipe.feed(entry.data)
                await pipe.room()
        return 0

    # --- How it ends ---

    async def _watch(self) -> None:
        exit_code: int | None = None
        pause = FIRST_LOOK_SECONDS
        clock = asyncio.get_running_loop().time
        heard_at = clock()
        while True:
            try:
                info = understood((await self._api.call("GET", self._path)).content, _Info)
            except SandboxAgentUnavailable as error:
                if error.status is not None or clock() - heard_at > GONE_SECONDS:
                    self.stderr.feed(error.detail.encode())
                    break
            else:
                heard_at = clock()
                if info.status != "running":
                    exit_code = info.exit_code
                    await self._read_rest()
                    break
            await self._pause(pause)
            pause = min(LONGEST_LOOK_SECONDS, pause * 1.5)
        await self._try(self._end_all())
        self._end(exit_code)
        # Ended ones count among the 64 the server keeps.
        await self._try(self._api.call("DELETE", self._path))

    async def _pause(self, seconds: float) -> None:
        self._look.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()

    async def _read_rest(self) -> None:
        """Wait until all the process printed before its end has been read, as far as the server kept it."""
        with suppress(SandboxAgentUnavailable, TimeoutError):
            answer = await self._api.call(
                "GET", f"{self._path}/logs", params={"stream": "combined", "tail": 1}
            )
            logs = understood(answer.content, _Logs).entries
            async with asyncio.timeout(LOG_SECONDS):
                while logs and self._read_to < logs[-1].sequence:
                    await asyncio.sleep(0.02)


class _Input:
    """What is written goes with the next `drain`. The API cannot end it: closing it ends the process."""

    def __init__(self, api: SandboxAgentApi, path: str, closed: Callable[[], None]) -> None:
        self._api = api
        self._path = path
        self._closed = closed
        self._unsent = bytearray()
        # Pieces that are on their way at the same time may overtake each other.
        self._sending = asyncio.Lock()

    def write(self, data: bytes, /) -> None:
        self._unsent += data

    async def drain(self) -> None:
        async with self._sending:
            while self._unsent:
                piece = bytes(self._unsent[:INPUT_BYTES])
                del self._unsent[: len(piece)]
                body = {"data": base64.b64encode(piece).decode(), "encoding": "base64"}
                try:
                    await self._api.call("POST", f"{self._path}/input", json=body)
                except SandboxAgentUnavailable as error:
                    raise BrokenPipeError(error.detail) from None

    def close(self) -> None:
        self._unsent.clear()
        self._closed()
