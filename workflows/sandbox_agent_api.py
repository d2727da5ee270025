"""The HTTP API of a running sandbox-agent server: commands, files, and the addresses of the rest."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from runtime.errors import Unavailable

T = TypeVar("T")

RUN_SECONDS = 300.0
"""The server lets no command run longer."""

DOWNLOAD_SECONDS = 240.0
OUTPUT_BYTES = 1 << 20
"""The server keeps no more of what a command prints."""


class SandboxAgentUnavailable(Unavailable):
    """The server cannot be reached, or cannot do what it was asked for; the text is its own word.

    `status` is that of its refusal, None where it did not answer, or somebody else did.
    """

    default_code = "sandbox_agent_unavailable"

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class Ran(Struct, frozen=True, rename="camel"):
    """How a command ended. No exit code: it was ended by a signal."""

    stdout: str
    stderr: str
    timed_out: bool
    exit_code: int | None = None


class SandboxAgentApi:
    """A client of the server, usable at once; `async with` closes it."""

    def __init__(self, url: str, token: str | None) -> None:
        self.http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=False,
            timeout=httpx.Timeout(30, connect=5, pool=None),
            # Every agent holds its stream and its turn open.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; its successful answer. Raises `SandboxAgentUnavailable` for every other."""
        try:
            answer = await self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        if answer.is_success:
            return answer
        raise SandboxAgentUnavailable(complaint(answer), status=answer.status_code)

    async def run(self, command: Sequence[str], *, cwd: str, deadline: float) -> Ran:
        """Run a command to its end, within `deadline` seconds and in the server's own environment."""
        seconds = min(deadline, RUN_SECONDS)
        answer = await self.call(
            "POST",
            "/v1/processes/run",
            json={
                "command": command[0],
                "args": list(command[1:]),
                "cwd": cwd,
                "timeoutMs": int(seconds * 1000),
                "maxOutputBytes": OUTPUT_BYTES,
            },
            timeout=httpx.Timeout(seconds + 10, connect=5, pool=None),
        )
        return understood(answer.content, Ran)

    async def shell(self, script: str, *arguments: str, deadline: float = 60.0) -> str:
        """The output of a small script. Raises `SandboxAgentUnavailable` if it fails."""
        ran = await self.run(["sh", "-c", script, "sh", *arguments], cwd="/", deadline=deadline)
        if ran.exit_code != 0:
            raise SandboxAgentUnavailable(
                f"The sandbox-agent server could not do it: {ran.stderr.strip()[-300:]}"
            )
        return ran.stdout

    async def read(self, path: str) -> bytes:
        """The content of a small file."""
        return (await self.call("GET", "/v1/fs/file", params={"path": path})).content

    async def download(self, path: str, into: Callable[[bytes], object], *, at_most: int) -> None:
        """Read a file of at most `at_most` bytes, piece by piece."""
        received = 0
        try:
            async with (
                asyncio.timeout(DOWNLOAD_SECONDS),
                self.http.stream("GET", "/v1/fs/file", params={"path": path}) as answer,
            ):
                if not answer.is_success:
                    await answer.aread()
                    raise SandboxAgentUnavailable(complaint(answer), status=answer.status_code)
                async for piece in answer.aiter_bytes():
                    received += len(piece)
                    if received > at_most:
                        raise SandboxAgentUnavailable(
                            f"The sandbox-agent server sends a file of more than {at_most >> 20} MB."
                        )
                    into(piece)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        except TimeoutError:
            raise SandboxAgentUnavailable(
                f"The sandbox-agent server did not send a file within {DOWNLOAD_SECONDS:g} seconds."
            ) from None

    async def write(self, path: str, content: bytes) -> None:
        """Put a file at its place, whole or not at all."""
        await self.call("PUT", "/v1/fs/file", params={"path": f"{path}.new"}, content=content)
        body = {"from": f"{path}.new", "to": path, "overwrite": True}
        await self.call("POST", "/v1/fs/move", json=body)


def understood(content: bytes, shape: type[T]) -> T:
    """What the server said. Raises `SandboxAgentUnavailable` for what no such server says: the page of a proxy before it."""
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SandboxAgentUnavailable(
            f"What answers is no sandbox-agent server, or one of another version: {error}."
        ) from None


def unreachable(error: httpx.HTTPError) -> SandboxAgentUnavailable:
    """What to say when there is no answer."""
    return SandboxAgentUnavailable(
        f"The sandbox-agent server cannot be reached: {type(error).__name__}."
    )


def complaint(answer: httpx.Response) -> str:
    """What the server says is wrong."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return f"The sandbox-agent server answered {answer.status_code}: {detail or 'no reason given'}."
