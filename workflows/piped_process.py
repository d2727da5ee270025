"""A process with three pipes, whose end can be waited for whoever still holds them or reads them.

It is started by `subprocess` and not by the event loop: uvloop forks, which copies the page tables of this whole
server while everybody waits; `subprocess` lends them to the child until its program begins. And asyncio's
own `Process.wait` waits for the ends of the pipes too (until Python 3.13): for ever, if nobody
reads what is left in one, or if something the process started keeps one open.
"""

import asyncio
import errno
import os
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, cast

import uvloop

BUFFER_BYTES = 256 << 10

NICE = 5
"""The niceness of agents and git: people wait for the server, which must get the processor first."""


class PipedProcess:
    """Runs in a session of its own as soon as this is made. Whoever makes one ends it, and calls `close` at last."""

    stdin: StreamWriter
    stdout: StreamReader
    stderr: StreamReader

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        keep_open: Sequence[int] = (),
    ) -> None:
        """The command also gets the descriptors `keep_open`. Raises `OSError`."""
        try:
            self._process = Popen(
                command,
                bufsize=0,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=cwd,
                env=env,
                pass_fds=tuple(keep_open),
                start_new_session=True,
            )
        except ValueError as error:
            # A zero byte, which no program can be given.
            raise OSError(errno.EINVAL, str(error)) from None
        self.pid = self._process.pid
        os.setpriority(os.PRIO_PROCESS, self.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
        self._exited = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            # As many files as may be are open: a process nobody can watch must not stay.
            self._process.kill()
            raise
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, self._has_ended, loop, handle)

    async def connect(self) -> None:
        """Make the pipes ready for use."""
        connecting = asyncio.ensure_future(self._connect())
        try:
            # To its end whatever happens: uvloop would close a pipe twice that it had half taken over.
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(lambda _: self.close())
            raise

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.returncode

    async def wait(self) -> int:
        """The exit code, once there is one."""
        await self._exited.wait()
        return cast("int", self.exit_code)

    def close(self) -> None:
        """Let go of the pipes; what nobody has read of them is lost."""
        for transport in self._transports:
            transport.close()

    async def _connect(self) -> None:
        self.stdin = await self._writer(self._process.stdin)
        self.stdout = await self._reader(self._process.stdout)
        self.stderr = await self._reader(self._process.stderr)

    async def _reader(self, pipe: IO[bytes] | None) -> StreamReader:
        reader = StreamReader(limit=BUFFER_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: StreamReaderProtocol(reader), _closed_once(pipe)
        )
        self._transports.append(transport)
        return reader

    async def _writer(self, pipe: IO[bytes] | None) -> StreamWriter:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(
            lambda: StreamReaderProtocol(StreamReader()), _closed_once(pipe)
        )
        self._transports.append(transport)
        return StreamWriter(transport, protocol, None, loop)

    def _has_ended(self, loop: asyncio.AbstractEventLoop, handle: int) -> None:
        """The handle of a process can be read once it has ended."""
        loop.remove_reader(handle)
        os.close(handle)
        self._process.poll()
        self._exited.set()


class _Pipe:
    """A pipe of which uvloop gets a descriptor of its own.

    uvloop closes the descriptor it was given, and then the file as well. A thread that opens something
    in between gets the same number, and had its file closed under it: a projection's, or, when that
    number went on to a connection, somebody's connection.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def fileno(self) -> int:
        return os.dup(self._pipe.fileno())

    def close(self) -> None:
        self._pipe.close()


def _closed_once(pipe: IO[bytes] | None) -> IO[bytes] | None:
    if pipe is not None and isinstance(asyncio.get_running_loop(), uvloop.Loop):
        return cast("IO[bytes]", _Pipe(pipe))
    return pipe
