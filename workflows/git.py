"""Runs git: with an environment of its own, a deadline and bounded output."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runtime.errors import Unavailable
from workflows.git_command import ceiling, environment_of_git, git_command
from workflows.git_complaints import first_complaint
from workflows.git_lanes import DISK, Lane, Lanes
from workflows.piped_process import PipedProcess

AT_ONCE = 2
"""Commands that run at the same time in one lane."""

OLDEST = "2.38"
"""The first version whose `merge-tree` writes a tree."""

UNKNOWN_OPTION = 129

DEADLINE = 60.0
OUTPUT_BYTES = 32 << 20


class GitFailed(Unavailable):
    """A git command ended badly. `exit_code` is None if it was ended by its deadline or said too much."""

    default_code = "git_failed"

    def __init__(self, detail: str, *, exit_code: int | None) -> None:
        super().__init__(detail)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Finished:
    """`complaints` is what git itself, and whoever it talked to, said beside the output, as far as it was kept."""

    exit_code: int
    output: bytes
    complaints: bytes = b""


class RunsGit(Protocol):
    """Git on this machine, or on another."""

    async def run(
        self,
        *args: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
        stdin: bytes = b"",
        accept: Sequence[int] = (0,),
        deadline: float = DEADLINE,
        lane: Lane = DISK,
        keep_open: Sequence[int] = (),
        into: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """As `Git.run`."""


class Git:
    """`home` is a private folder, `path` the PATH to find git on, `ssh_key` the only key ssh may offer.

    `mark` are variables by which a command that outlived its killed worker is found and ended.
    """

    def __init__(
        self,
        *,
        home: Path,
        path: str,
        ssh_key: Path | None = None,
        mark: Mapping[str, str] | None = None,
    ) -> None:
        self._lanes = Lanes(AT_ONCE)
        home.mkdir(parents=True, exist_ok=True)
        self._env = {"PATH": path, **environment_of_git(home, ssh_key), **(mark or {})}

    async def run(
        self,
        *args: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
        stdin: bytes = b"",
        accept: Sequence[int] = (0,),
        deadline: float = DEADLINE,
        lane: Lane = DISK,
        keep_open: Sequence[int] = (),
        into: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run git with `args` in `folder`, which must be a repository itself, not lie in one.

        `config` are further `name=value` settings, `keep_open` descriptors that git holds as long
        as it runs. `into` gets the output piece by piece, whatever its size, instead of the result.
        Raises `GitFailed` unless the exit code is one of `accept`.
        """
        output = _Output(into)
        async with self._lanes.place_in(lane):
            process = PipedProcess(
                git_command(args, config),
                cwd=folder,
                env={**self._env, **ceiling(folder), **(env or {})},
                keep_open=keep_open,
            )
            try:
                async with asyncio.timeout(deadline):
                    await process.connect()
                    errors = await _communicate(process, stdin, output)
                    await process.wait()
            except TimeoutError:
                detail = f"git {args[0]} did not end within {deadline:g} seconds."
                raise GitFailed(detail, exit_code=None) from None
            finally:
                await _end(process)
        if output.too_much:
            raise GitFailed(f"git {args[0]} printed more than can be kept.", exit_code=None)
        exit_code = process.exit_code
        assert exit_code is not None
        if exit_code not in accept:
            complaint = first_complaint(bytes(errors))
            if exit_code == UNKNOWN_OPTION:
                complaint += f"; the worker's git may be too old, {OLDEST} or newer is needed"
            raise GitFailed(f"git {args[0]}: {complaint}", exit_code=exit_code)
        return Finished(exit_code, bytes(output.kept), bytes(errors))


_STDERR_BYTES = 64 << 10
_GRACE = 2.0


class _Output:
    """What git prints: kept up to a bound, or handed on."""

    def __init__(self, into: Callable[[bytes], None] | None) -> None:
        self._into = into
        self.kept = bytearray()
        self.too_much = False

    def take(self, chunk: bytes) -> None:
        if self._into is not None:
            self._into(chunk)
        elif len(self.kept) + len(chunk) > OUTPUT_BYTES:
            self.too_much = True
        else:
            self.kept += chunk


async def _communicate(process: PipedProcess, stdin: bytes, output: _Output) -> bytearray:
    errors = bytearray()
    async with asyncio.TaskGroup() as pumps:
        pumps.create_task(_write(process.stdin, stdin), name="git input")
        pumps.create_task(_read_errors(process.stderr, errors), name="git complaints")
        while not output.too_much and (chunk := await process.stdout.read(256 << 10)):
            output.take(chunk)
            # A long output must not keep the loop from everybody else.
            await asyncio.sleep(0)
        if output.too_much:
            await _end(process)
    return errors


async def _write(pipe: asyncio.StreamWriter, data: bytes) -> None:
    # uvloop says RuntimeError for a pipe whose other end has gone already.
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _read_errors(pipe: asyncio.StreamReader, kept: bytearray) -> None:
    while chunk := await pipe.read(_STDERR_BYTES):
        if len(kept) < _STDERR_BYTES:
            kept += chunk


async def _end(process: PipedProcess) -> None:
    """Whatever happened, nothing of the command is left: git removes its lock files on SIGTERM only."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.exit_code is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await process.wait()
    process.close()
