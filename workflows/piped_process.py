"""A process with three pipes, whose end can be waited for whoever still holds them or reads them.

asyncio's own `Process.wait` waits for the ends of the pipes too (until Python 3.13): for ever, if
nobody reads what is left in one, or if something the process started keeps one open.
"""

import asyncio
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, cast

BUFFER_BYTES = 256 << 10


class PipedProcess:
    """Runs in a session of its own. Whoever starts one ends it, and calls `close` at last."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: "_Protocol") -> None:
        assert protocol.stdin is not None
        assert protocol.stdout is not None
        assert protocol.stderr is not None
        self.stdin = protocol.stdin
        self.stdout = protocol.stdout
        self.stderr = protocol.stderr
        self._transport = transport
        self._protocol = protocol
        self.pid = transport.get_pid()

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        keep_open: Sequence[int] = (),
    ) -> Self:
        """Start a command; it also gets the descriptors `keep_open`. Raises `OSError`."""
        transport, protocol = await asyncio.get_running_loop().subprocess_exec(
            _Protocol, *command, cwd=cwd, env=env, pass_fds=tuple(keep_open), start_new_session=True
        )
        return cls(transport, protocol)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._transport.get_returncode()

    async def wait(self) -> int:
        """The exit code, once there is one."""
        await self._protocol.exited.wait()
        return cast("int", self.exit_code)

    def close(self) -> None:
        """Let go of the pipes; what nobody has read of them is lost."""
        self._transport.close()


class _Protocol(SubprocessStreamProtocol):
    def __init__(self) -> None:
        super().__init__(limit=BUFFER_BYTES, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()
