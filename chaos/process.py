"""One part of the system as a process of its own: started again when it ends by itself, as whoever runs it would do."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runtime.child_process import tied_to_us

STOP_SECONDS = 40.0
AGAIN_SECONDS = 0.3
LOOK_SECONDS = 0.05


class LeftByItself(NamedTuple):
    part: str
    status: int
    said: str


class Process:
    """`is_ready` is asked while it is awaited; it may raise `OSError` as long as nobody answers."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        log: Path,
        is_ready: Callable[[], Awaitable[bool]],
    ) -> None:
        self.name = name
        self.environment = dict(environment)
        self.log = log
        self.left: list[LeftByItself] = []
        self._command = command
        self._is_ready = is_ready
        self._wanted = asyncio.Event()
        self._running: asyncio.subprocess.Process | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        # Two faults of one cycle may want to stop and start the same part.
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running is not None else None

    async def keep(self) -> None:
        """Run it whenever it is wanted, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._gone.clear()
                status = await self._live()
                if self._wanted.is_set():
                    self.left.append(LeftByItself(self.name, status, self.end_of_log()))
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._signal(signal.SIGKILL)
            if self._running is not None:
                await self._running.wait()

    def start(self) -> None:
        self._wanted.set()

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM; SIGKILL for one that does not go."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            self.left.append(LeftByItself(self.name, -9, "did not end on SIGTERM"))
            await self.kill()

    def suspend(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def ready(self) -> None:
        """Wait until it takes work; the caller sets the deadline."""
        while True:
            try:
                if self._running is not None and await self._is_ready():
                    return
            except OSError:
                pass
            await asyncio.sleep(LOOK_SECONDS)

    def end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    async def _live(self) -> int:
        with self.log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                *tied_to_us(*self._command),
                env=self.environment,
                cwd=self.log.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is meant for the run, not for what runs in it.
                start_new_session=True,
            )
        if not self._wanted.is_set():
            # It was told to end before it was there to hear it.
            self._signal(signal.SIGKILL)
        status = await self._running.wait()
        self._running = None
        self._gone.set()
        return status

    async def _end(self, number: signal.Signals) -> None:
        async with self._turn:
            self._wanted.clear()
            self._signal(number)
            if number is not signal.SIGKILL:
                # A suspended process hears of nothing else.
                self._signal(signal.SIGCONT)
            await self._gone.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._running is not None and self._running.returncode is None:
            # It may have ended, and we have not heard of that yet.
            with suppress(ProcessLookupError):
                os.kill(self._running.pid, number)
