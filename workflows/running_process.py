"""One process in a sandbox at somebody's request: its output is told as it comes, and what people ask of it reaches it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial

from events.codec import is_readable
from events.ids import Position, ProcessId, TaskId
from events.process import ProcessInput, ProcessStopRequested
from events.store import EventStore, subject_of
from workflows.once_answered import once_answered
from workflows.output_tail import OutputTail, pump
from workflows.processes import KILL
from workflows.sandbox import Running

TAIL_BYTES = 16 << 10
TELL_SECONDS = 0.5
SLOWEST_SECONDS = 5.0
"""The output of a process that prints without end is reported ever less often, down to once in this time."""

INPUT_BYTES = 1 << 20
"""At most this much input waits for a process that does not read; more is dropped."""

LAST_WORDS_SECONDS = 2.0


class RunningProcess:
    """`run` does it all; `look` tells it that a person may have asked something of the process.

    `requested_position` is that of the commit that asked for the process: what is asked of it stands after that.
    """

    def __init__(
        self,
        child: Running,
        *,
        task_id: TaskId,
        process_id: ProcessId,
        requested_position: Position,
        store: EventStore,
        tell: Callable[[str], Awaitable[object]],
    ) -> None:
        self._child = child
        self._task_id = task_id
        self._process_id = process_id
        self._store = store
        self._tell = tell
        self._tail = OutputTail(TAIL_BYTES)
        self._printed = asyncio.Event()
        self._asked = asyncio.Event()
        self._asked.set()
        self._read_to = requested_position
        self._told = 0
        self._unsent = bytearray()
        self._has_input = asyncio.Event()

    def look(self) -> None:
        """Read soon what was asked of it."""
        self._asked.set()

    async def stop(self) -> None:
        """End it, by force if it does not obey."""
        await self._child.stop()

    async def run(self) -> tuple[int | None, str | None]:
        """Stay until it ends; its exit code, and the end of its output if that was not told."""
        pumps = [
            asyncio.create_task(pump(pipe, self._print), name="process output")
            for pipe in (self._child.stdout, self._child.stderr)
        ]
        helpers = [
            asyncio.create_task(self._tell_output(), name="process tail"),
            asyncio.create_task(self._obey(), name="process requests"),
        ]
        feeding = asyncio.create_task(self._feed(), name="process input")
        try:
            ended = asyncio.create_task(self._child.wait(), name="process end")
            await asyncio.wait([ended, *helpers], return_when=asyncio.FIRST_COMPLETED)
            for helper in helpers:
                if helper.done():
                    helper.result()
            await asyncio.wait(pumps, timeout=LAST_WORDS_SECONDS)
        finally:
            for task in (*pumps, *helpers, feeding, ended):
                task.cancel()
            await asyncio.wait([*pumps, *helpers, feeding, ended])
            await self._child.stop()
            self._child.close()
        return self._child.exit_code, self._tail.text() if self._tail.total > self._told else None

    def _print(self, chunk: bytes) -> None:
        self._tail.add(chunk)
        self._printed.set()

    async def _tell_output(self) -> None:
        pause = TELL_SECONDS
        while True:
            quiet = not self._printed.is_set()
            await self._printed.wait()
            self._printed.clear()
            pause = TELL_SECONDS if quiet else min(SLOWEST_SECONDS, pause * 1.1)
            total = self._tail.total
            await self._tell(self._tail.text())
            self._told = total
            await asyncio.sleep(pause)

    async def _obey(self) -> None:
        """Do what the history asks, each once and in its order."""
        subject = subject_of("task", self._task_id)
        while True:
            await self._asked.wait()
            self._asked.clear()
            # What runs is not ended because the log is away; what was asked is done once it answers.
            asked = partial(self._store.load, subject, after=self._read_to)
            for recorded in await once_answered(asked):
                self._read_to = recorded.position
                for event in recorded.commit.events if is_readable(recorded) else ():
                    match event:
                        case ProcessInput() if event.process_id == self._process_id:
                            self._write(event.text.encode())
                        case ProcessStopRequested() if event.process_id == self._process_id:
                            self._send(event.signal)
                        case _:
                            pass

    def _write(self, data: bytes) -> None:
        if len(self._unsent) + len(data) > INPUT_BYTES:
            self._print(b"\n[input was dropped: the process does not read]\n")
            return
        self._unsent += data
        self._has_input.set()

    async def _feed(self) -> None:
        """Hand input over as fast as the process reads it, so that a signal never waits behind it."""
        stdin = self._child.stdin
        while True:
            await self._has_input.wait()
            self._has_input.clear()
            data = bytes(self._unsent)
            self._unsent.clear()
            try:
                stdin.write(data)
                await stdin.drain()
            except (OSError, RuntimeError):
                # It has closed its input or ended; RuntimeError is uvloop's word for that.
                return

    def _send(self, name: str) -> None:
        self._child.send(KILL if name == "SIGKILL" else signal.Signals[name])
