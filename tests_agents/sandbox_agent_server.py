"""The real sandbox-agent server, as `make test-agents` installs it: offline, with homes and agents of the test."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from time import monotonic, sleep

import httpx

_INSTALLED = Path(__file__).parent.parent / ".agents/node_modules/@sandbox-agent"
# One package for each platform, of which npm installs the one that fits.
BINARY = next(_INSTALLED.glob("cli-*-*/bin/sandbox-agent"), None)
START_SECONDS = 20.0


class SandboxAgentServer:
    """One server on the loopback address. `mock` is the only agent it has a launcher for."""

    def __init__(self, folder: Path, *, token: str, **environment: str) -> None:
        self.home = folder / "home"
        self._environment = environment
        self.token = token
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self._launchers = self.home / ".local/share/sandbox-agent/bin/agent_processes"
        self._launchers.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def launcher(self) -> Path:
        """The one of `mock`."""
        return self._launchers / "mock-acp"

    def give_agent(self, command: Sequence[str], name: str = "mock") -> None:
        """What an agent is from now on."""
        launcher = self._launchers / f"{name}-acp"
        # A new file: the old one may be running.
        launcher.unlink(missing_ok=True)
        launcher.write_text(f"#!/bin/sh\nexec {' '.join(map(quote, command))}\n")
        launcher.chmod(0o755)

    def start(self, **environment: str) -> None:
        assert BINARY is not None
        address = ("--host", "127.0.0.1", "--port", str(self._port))
        self._process = subprocess.Popen(
            [str(BINARY), "server", *address, "--no-telemetry", "--token", self.token],
            env={
                "HOME": str(self.home),
                "PATH": os.environ["PATH"],
                **self._environment,
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = monotonic() + START_SECONDS
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, trust_env=False) as client:
            while True:
                with suppress(httpx.TransportError):
                    client.get("/v1/health").raise_for_status()
                    return
                assert monotonic() < deadline, "the sandbox-agent server did not start"
                sleep(0.05)

    def pause(self) -> None:
        """It keeps its connections and answers nothing, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with everything it started: by itself it leaves its agents behind."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
