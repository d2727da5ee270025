"""Processes that we start: tied to our life while we live, and found again by the next start when we died."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

# Run by a small interpreter that then becomes the program: a function called between fork and exec
# in our own, threaded process could hang. The parent may die before the wish is registered, hence
# the second look.
_TIE = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def tied_to_us(program: Path | str, *arguments: str) -> list[str]:
    """A command line that runs `program` and gets it SIGTERM when we end, after kill -9 too.

    The kernel watches the *thread* that starts it, so start it from one that lives as long as the
    process. The process id stays the same when the interpreter becomes the program.
    """
    return [
        *(sys.executable, "-I", "-S", "-c", _TIE),
        *(str(os.getpid()), str(program), *arguments),
    ]


class ProcessIdentity(Struct, frozen=True, kw_only=True):
    """One process for ever: ids are reused, but not with the same start within the same boot.

    `started` counts clock ticks since `boot`, as in `/proc/<pid>/stat`.
    """

    pid: int
    started: int
    boot: str


def identity_of(pid: int) -> ProcessIdentity | None:
    """Who has this process id now; None for nobody, or for one that ended and was not collected yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, blanks and parentheses too.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else ProcessIdentity(pid=pid, started=started, boot=boot)


def is_running(identity: ProcessIdentity) -> bool:
    return identity_of(identity.pid) == identity


async def until_ended(identity: ProcessIdentity) -> None:
    """Wait for the end of exactly this process, whoever started it."""
    with _handle_of(identity) as handle:
        if handle is not None:
            await _until_ended(handle)


async def end(identity: ProcessIdentity, *, within: float) -> None:
    """End exactly this process, politely, then after `within` seconds by force. Never another one."""
    with _handle_of(identity) as handle, suppress(ProcessLookupError):
        if handle is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await _until_ended(handle)
                    return


@contextmanager
def _handle_of(identity: ProcessIdentity) -> Iterator[int | None]:
    """A descriptor by which exactly this process is signalled and waited for; None if it has ended."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # The handle was taken first: if it is the right process now, no signal can reach another.
        yield handle if is_running(identity) else None
    finally:
        os.close(handle)


async def _until_ended(handle: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
