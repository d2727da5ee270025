"""What stands where a sandbox-agent server should: something answers, and not as one."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.errors import Unavailable
from tests import facts
from workflows import sandbox_agent_process
from workflows.agents import known_agents
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_launcher import SandboxAgentLauncher
from workflows.sandbox_agent_process import SandboxAgentProcess

PAGE = b"<html>Please sign in</html>"


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[SandboxAgentApi]:
    """Whatever is asked for, this is the answer: a 200, as proxies that want to be signed in to give one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        writer.write(head + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with SandboxAgentApi(f"http://{host}:{port}", None) as api:
            yield api


async def nothing(*_: signal.Signals) -> None:
    """There is nothing to signal or to end."""


async def test_a_page_in_place_of_the_server_makes_it_unavailable_and_is_no_defect_of_ours() -> (
    None
):
    async with answering(PAGE) as api:
        sandboxes = SandboxAgentSandboxes(api, folder=Path("/far"), local_root=None)
        launcher = SandboxAgentLauncher(
            api, sandboxes, known_agents(None), folder=Path("/far/agents")
        )

        with pytest.raises(Unavailable, match="no sandbox-agent server"):
            await api.shell("true")
        with pytest.raises(Unavailable, match="no sandbox-agent server"):
            await sandboxes.orphans(())
        with pytest.raises(Unavailable, match="no sandbox-agent server"):
            await launcher.find("claude")
        with pytest.raises(Unavailable, match="no sandbox-agent server"):
            await SandboxAgentProcess.start(
                api, ["sleep", "1"], cwd="/", tell=nothing, end=nothing, when_lost="go on"
            )


async def test_a_process_whose_server_turns_into_a_page_ends_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox_agent_process, "GONE_SECONDS", 0.1)
    async with answering(PAGE) as api:
        child = SandboxAgentProcess(
            api, f"/v1/processes/{facts.PROCESS}", tell=nothing, end=nothing, when_lost="go on"
        )

        async with asyncio.timeout(20):
            exit_code = await child.wait()
            said = await child.stderr.read()
        child.close()

    assert exit_code is None
    assert b"no sandbox-agent server" in said
