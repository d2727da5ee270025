"""Child processes with an owner: each under a supervisor, in an environment of its own, found again after a crash.

Every process of a sandbox carries a mark in its environment: data folder and sandbox. The supervisor
(workflows/supervisor.py) ends all it leaves behind, also when this process is killed; the mark
finds what is left when a supervisor itself was killed. Linux only: it reads /proc.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from events.ids import SandboxId
from workflows.piped_process import PipedProcess

MARK = "SANDBOX_MARK"
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a process gets of the worker's own environment; never settings, tokens or agents' sockets."""

KILL = signal.SIGRTMIN
"""The signal on which the supervisor ends everything at once; SIGKILL would end the supervisor alone."""

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds for each process: open files, processes of the account, bytes of address space."""

    open_files: int | None = 4096
    processes: int | None = None
    memory: int | None = None


class Child(PipedProcess):
    """A running command under its supervisor: `pid` is the supervisor's, and it ends when all of it has ended.

    What it prints has to be read, else it waits.
    """

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on to the command's process group; SIGTERM and `KILL` end everything it started too."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self) -> int:
        """End the command and everything it started, by force after `GRACE` seconds."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(2 * GRACE + 6):
                return await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self.wait()


class Processes:
    """Starts and ends the processes of sandboxes. `owner` names the data folder, `environ` is this process's own."""

    def __init__(
        self, *, owner: str, environ: Mapping[str, str], limits: Limits | None = None
    ) -> None:
        self._owner = owner
        self._inherited = {name: environ[name] for name in INHERITED if name in environ}
        self._limits = _written(limits or Limits())
        self._children: dict[SandboxId, set[Child]] = {}

    async def start(
        self,
        command: Sequence[str],
        *,
        sandbox_id: SandboxId,
        cwd: Path,
        home: Path,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a command in a sandbox; `home` is its private folder, `env` what it gets besides.

        A command that cannot be run ends with 127 and says so on its standard error.
        """
        supervisor = (sys.executable, "-I", "-S", str(_SUPERVISOR))
        child = Child(
            [*supervisor, str(os.getpid()), str(GRACE), self._limits, *command],
            cwd=cwd,
            env=self._environment(sandbox_id, home, env or {}),
        )
        running = {one for one in self._children.get(sandbox_id, ()) if one.exit_code is None}
        self._children[sandbox_id] = running | {child}
        try:
            await child.connect()
        except BaseException:
            await child.stop()
            child.close()
            raise
        return child

    async def end_all(self, sandbox_id: SandboxId) -> None:
        """End everything that runs in a sandbox, whoever started it."""
        children = self._children.pop(sandbox_id, set())
        await asyncio.gather(*(child.stop() for child in children))
        for child in children:
            child.close()
        await _end_marked(f"{self._owner}#{sandbox_id}")

    async def end_leftovers(self) -> None:
        """End what an earlier life of this data folder left behind; only at start, under its lock."""
        await _end_marked(f"{self._owner}#")

    def mark(self, name: str) -> dict[str, str]:
        """The variables by which `end_leftovers` finds a process that was not started here."""
        return {MARK: f"{self._owner}#{name}"}

    async def close(self) -> None:
        """End every process started here."""
        await asyncio.gather(*map(self.end_all, list(self._children)))

    def _environment(
        self, sandbox_id: SandboxId, home: Path, env: Mapping[str, str]
    ) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            **self._inherited,
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "USER": "agent",
            "LOGNAME": "agent",
            "SHELL": "/bin/sh",
            "TERM": "dumb",
            "GIT_TERMINAL_PROMPT": "0",
            **env,
            **self.mark(sandbox_id),
        }


_SUPERVISOR = Path(__file__).with_name("supervisor.py")


def _written(limits: Limits) -> str:
    bounds = {"NOFILE": limits.open_files, "NPROC": limits.processes, "AS": limits.memory}
    given = [f"{name}={value}" for name, value in bounds.items() if value is not None]
    return ",".join(["CORE=0", *given])


async def _end_marked(mark: str) -> None:
    """End all processes whose mark begins so, however often they fork meanwhile, within twice `GRACE`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = loop.time() + GRACE
        signalled: set[int] = set()
        while left := await asyncio.to_thread(_marked, mark):
            for pid in left - signalled:
                _send_if_marked(pid, number, mark)
            signalled |= left
            if loop.time() > deadline:
                break
            await asyncio.sleep(0.02)


def _marked(mark: str) -> set[int]:
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return {pid for pid in pids if _has_mark(pid, mark)}


def _has_mark(pid: int, mark: str) -> bool:
    try:
        environ = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return False
    marks = [entry for entry in environ.split(b"\0") if entry.startswith(f"{MARK}=".encode())]
    wanted = f"{MARK}={mark}".encode()
    # A mark of one sandbox must be that very one, the owner's alone is the beginning of many.
    return any(one == wanted or (mark.endswith("#") and one.startswith(wanted)) for one in marks)


def _send_if_marked(pid: int, number: signal.Signals, mark: str) -> None:
    """Signal a process if it has the mark, through a handle: its number may be somebody else's by now."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _has_mark(pid, mark):
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
