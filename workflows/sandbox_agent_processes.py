"""The processes of the sandboxes on a sandbox-agent server: each in an environment of its own, found again after a crash.

The server would give them all of its own environment and end them alone. So each is started by a
small script that leaves nothing of that environment but what is named, and carries a mark in it:
this worker, sandbox, process. Whatever has the mark ends together. Linux only: it reads /proc.
"""

import asyncio
import logging
import signal
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from events.ids import SandboxId
from workflows.bare_command import bare_command
from workflows.processes import KILL, MARK
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_process import SandboxAgentProcess, WhenLost

log = logging.getLogger(__name__)

GRACE = 2
"""Seconds between SIGTERM and SIGKILL."""

_MARKED = """
marked() { grep -lazF "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
"""
_SIGNAL = f"""{_MARKED}
pids=$(marked "$1")
[ -z "$pids" ] || kill -s "$2" $pids 2>/dev/null
:
"""
_END = f"""{_MARKED}
mark=$1 tenths=$2 found=
for signal in TERM KILL; do
    left=$tenths
    signalled=" "
    while pids=$(marked "$mark"); [ -n "$pids" ]; do
        found=yes
        for pid in $pids; do
            case $signalled in *" $pid "*) ;; *) kill -s $signal $pid 2>/dev/null; signalled="$signalled$pid " ;; esac
        done
        [ $left -gt 0 ] || break
        left=$((left - 1))
        sleep 0.1
    done
done
printf %s "$found"
"""


class SandboxAgentProcesses:
    """`owner` is this worker's folder on the server's machine: no other worker marks its processes with it."""

    def __init__(self, api: SandboxAgentApi, *, owner: Path) -> None:
        self._api = api
        self._owner = str(owner)
        self._started = 0
        self._first = asyncio.Lock()
        self._alone = False

    async def start(
        self,
        command: Sequence[str],
        *,
        sandbox_id: SandboxId,
        cwd: Path,
        home: Path,
        env: Mapping[str, str] | None = None,
        pass_on: Collection[str] = (),
        when_lost: WhenLost = "go on",
    ) -> SandboxAgentProcess:
        """Start a command in a sandbox; `home` is its private folder, `env` what it gets besides.

        `pass_on` names what it gets of the server's own environment. A command that cannot be run
        ends with 127 and says so on its standard error.
        """
        await self.end_leftovers()
        self._started += 1
        value = f"{self._owner}#{sandbox_id}#{self._started}#"
        mark = f"{MARK}={value}"
        given = {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "USER": "agent",
            "LOGNAME": "agent",
            "SHELL": "/bin/sh",
            "TERM": "dumb",
            "GIT_TERMINAL_PROMPT": "0",
            **(env or {}),
            MARK: value,
        }
        return await SandboxAgentProcess.start(
            self._api,
            bare_command(command, env=given, pass_on=pass_on),
            cwd=str(cwd),
            tell=lambda number: self._signal(mark, number),
            end=lambda: self._end(mark),
            when_lost=when_lost,
        )

    async def end_all(self, sandbox_id: SandboxId) -> None:
        """End everything that runs in a sandbox, whoever started it."""
        await self._end(f"{MARK}={self._owner}#{sandbox_id}#")

    async def end_leftovers(self) -> None:
        """End, once and before anything is started, what an earlier life of this worker left running."""
        async with self._first:
            if not self._alone:
                if await self._end(f"{MARK}={self._owner}#"):
                    log.info("processes of an earlier life ended on the sandbox-agent server")
                self._alone = True

    def mark(self, name: str) -> dict[str, str]:
        """The variables by which `end_leftovers` finds a process that was not started here."""
        return {MARK: f"{self._owner}#{name}#"}

    async def _signal(self, mark: str, number: signal.Signals) -> None:
        name = "KILL" if number == KILL else number.name.removeprefix("SIG")
        await self._api.shell(_SIGNAL, mark, name)

    async def _end(self, mark: str) -> bool:
        """Whether there was anything to end."""
        return bool(await self._api.shell(_END, mark, str(GRACE * 10)))
