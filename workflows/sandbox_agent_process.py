"""A process on a sandbox-agent server, with its pipes brought here."""

import asyncio
import base64
import signal
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import httpx
import msgspec
from msgspec import Struct

from workflows.remote_pipe import RemotePipe
from workflows.sandbox_agent_api import SandboxAgentApi, SandboxAgentUnavailable
from workflows.server_sent import NotEvents, server_sent

LOOK_SECONDS = 0.3
STOP_MS = 2000
INPUT_BYTES = 48 << 10
"""The server takes 64 KB at once, in base64."""

LOG_SECONDS = 2.0


class _Info(Struct, rename="camel"):
    id: str
    status: str
    pid: int | None = None
    cwd: str | None = None
    exit_code: int | None = None


class _Listed(Struct):
    processes: list[_Info]


class _Log(Struct):
    sequence: int
    stream: str
    data: str


class _Logs(Struct):
    entries: list[_Log]


class SandboxAgentProcess:
    """The far pipes come as a stream of log entries, its end is found by looking: the API has no word of it."""

    def __init__(self, api: SandboxAgentApi) -> None:
        self.stdin = _Input(api)
        self.stdout = RemotePipe()
        self.stderr = RemotePipe()
        self.exit_code: int | None = None
        self._api = api
        self._process: _Info | None = None
        self._read_to = 0
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(
        cls, api: SandboxAgentApi, command: Sequence[str], *, cwd: str, env: Mapping[str, str]
    ) -> Self:
        """Start a command. One that cannot be run ends with 127 and says so on its standard error."""
        process = cls(api)
        body = {"command": command[0], "args": list(command[1:]), "cwd": cwd, "env": dict(env)}
        try:
            answer = await api.call("POST", "/v1/processes", json={**body, "interactive": True})
        except SandboxAgentUnavailable as error:
            if error.status is None:
                raise
            process.stderr.feed(f"{error.detail}\n".encode())
            process._end(127)
            return process
        process._process = msgspec.json.decode(answer.content, type=_Info)
        process.stdin.process_id = process._process.id
        process._own(process._follow())
        process._own(process._watch())
        return process

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on to the command."""
        if self._process is not None and not self._ended.is_set():
            self._own(self._signal(number))

    async def wait(self) -> int | None:
        """The exit code, once it has ended; None if a signal ended it."""
        await self._ended.wait()
        return self.exit_code

    async def stop(self) -> int | None:
        """End the command, by force if it does not obey."""
        if self._process is not None and not self._ended.is_set():
            with suppress(SandboxAgentUnavailable):
                await _end(self._api, self._process.id)
        return await self.wait()

    def close(self) -> None:
        """Let go of the pipes."""
        for task in self._tasks:
            task.cancel()
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="process of a sandbox")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self, exit_code: int | None) -> None:
        self.exit_code = exit_code
        self.stdout.feed_eof()
        self.stderr.feed_eof()
        self._ended.set()

    async def _follow(self) -> None:
        assert self._process is not None
        path = f"/v1/processes/{self._process.id}/logs"
        with suppress(httpx.HTTPError, NotEvents):
            async with self._api.http.stream(
                "GET",
                path,
                params={"follow": "true", "stream": "combined"},
                headers={"Accept": "text/event-stream"},
                timeout=httpx.Timeout(None, connect=5),
            ) as answer:
                async for _, data in server_sent(answer.aiter_bytes()):
                    entry = msgspec.json.decode(data, type=_Log)
                    if entry.sequence <= self._read_to:
                        continue
                    self._read_to = entry.sequence
                    pipe = self.stderr if entry.stream == "stderr" else self.stdout
                    pipe.feed(base64.b64decode(entry.data))
                    await pipe.room()

    async def _watch(self) -> None:
        assert self._process is not None
        path = f"/v1/processes/{self._process.id}"
        exit_code: int | None = None
        while True:
            try:
                answer = await self._api.call("GET", path)
            except SandboxAgentUnavailable as error:
                if error.status is not None:
                    break
            else:
                info = msgspec.json.decode(answer.content, type=_Info)
                if info.status != "running":
                    exit_code = info.exit_code
                    await self._read_rest(path)
                    break
            await asyncio.sleep(LOOK_SECONDS)
        self._end(exit_code)
        with suppress(SandboxAgentUnavailable):
            # Ended ones count among the 64 the server keeps.
            await self._api.call("DELETE", path)

    async def _read_rest(self, path: str) -> None:
        """Wait until all the process printed before its end has been read, as far as the server kept it."""
        with suppress(SandboxAgentUnavailable, TimeoutError):
            answer = await self._api.call(
                "GET", f"{path}/logs", params={"stream": "combined", "tail": 1}
            )
            logs = msgspec.json.decode(answer.content, type=_Logs).entries
            async with asyncio.timeout(LOG_SECONDS):
                while logs and self._read_to < logs[-1].sequence:
                    await asyncio.sleep(0.02)

    async def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(SandboxAgentUnavailable):
            if number in (signal.SIGTERM, signal.SIGKILL):
                await _end(self._api, self._process.id)
            elif self._process.pid is not None:
                name = number.name.removeprefix("SIG")
                await self._api.shell('kill -s "$1" "$2"', name, str(self._process.pid))


class _Input:
    """What is written goes with the next `drain`; the API has no way to end it."""

    def __init__(self, api: SandboxAgentApi) -> None:
        self.process_id = ""
        self._api = api
        self._unsent = bytearray()

    def write(self, data: bytes, /) -> None:
        self._unsent += data

    async def drain(self) -> None:
        while self._unsent:
            piece = bytes(self._unsent[:INPUT_BYTES])
            del self._unsent[: len(piece)]
            body = {"data": base64.b64encode(piece).decode(), "encoding": "base64"}
            try:
                await self._api.call("POST", f"/v1/processes/{self.process_id}/input", json=body)
            except SandboxAgentUnavailable as error:
                raise BrokenPipeError(error.detail) from None

    def close(self) -> None:
        self._unsent.clear()


async def end_processes_in(api: SandboxAgentApi, folder: str) -> None:
    """End every process that was started in a folder, also by an earlier life of this worker."""
    answer = await api.call("GET", "/v1/processes")
    for info in msgspec.json.decode(answer.content, type=_Listed).processes:
        inside = info.cwd == folder or (info.cwd or "").startswith(f"{folder}/")
        if inside and info.status == "running":
            with suppress(SandboxAgentUnavailable):
                await _end(api, info.id)


async def _end(api: SandboxAgentApi, process_id: str) -> None:
    path = f"/v1/processes/{process_id}"
    stopped = await api.call("POST", f"{path}/stop", params={"waitMs": STOP_MS})
    if msgspec.json.decode(stopped.content, type=_Info).status == "running":
        await api.call("POST", f"{path}/kill", params={"waitMs": STOP_MS})
