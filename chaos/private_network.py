"""A network that only this process and its children have, in which each server of a cluster is a machine of its own.

Each machine hangs on one cable, which can be pulled out: then its packets are lost, both ends think
the other is still there, and what was on its way comes late or never. Nobody outside can reach any
of it, and it is gone with the last process in it.
"""

import asyncio
import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.child_process import tied_to_us

CLONE_NEWNET = 0x40000000
SWITCH = "switch"
PREFIX = "10.77.0."
MADE_WITHIN = 10.0


def enter() -> bool:
    """False where that is not allowed, or iproute2 and util-linux are not there; then nothing was changed."""
    if not all(map(shutil.which, ("ip", "nsenter", "unshare", "sleep"))):
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", SWITCH, "type", "bridge")
    _run("ip", "address", "add", f"{PREFIX}1/24", "dev", SWITCH)
    _run("ip", "link", "set", SWITCH, "up")
    return True


class Cables:
    """Made by `cables`, inside a network that was entered."""

    def __init__(self) -> None:
        self._machines: dict[str, int] = {}

    def plug_in(self, name: str, pid: int) -> str:
        """The address of a new machine whose network is that of a process."""
        number = len(self._machines)
        self._machines[name] = pid
        cable, inside = f"cable{number}", ("nsenter", f"--net=/proc/{pid}/ns/net")
        peer = ("peer", "name", "eth0", "netns", str(pid))
        _run("ip", "link", "add", cable, "type", "veth", *peer)
        _run("ip", "link", "set", cable, "master", SWITCH, "up")
        _run(*inside, "ip", "link", "set", "lo", "up")
        _run(*inside, "ip", "address", "add", f"{PREFIX}{number + 10}/24", "dev", "eth0")
        _run(*inside, "ip", "link", "set", "eth0", "up")
        return f"{PREFIX}{number + 10}"

    def on(self, name: str) -> list[str]:
        """What stands before a command that is to run on a machine."""
        return [str(shutil.which("nsenter")), f"--net=/proc/{self._machines[name]}/ns/net", "--"]

    async def pull(self, name: str, seconds: float) -> None:
        """For so long the machine has no cable."""
        cable = f"cable{list(self._machines).index(name)}"
        _run("ip", "link", "set", cable, "down")
        try:
            await asyncio.sleep(seconds)
        finally:
            _run("ip", "link", "set", cable, "up")


@contextmanager
def cables(*machines: str) -> Iterator[tuple[Cables, dict[str, str]]]:
    """The machines, and the address of each."""
    keepers: list[subprocess.Popen[bytes]] = []
    made = Cables()
    try:
        addresses = {}
        for machine in machines:
            keepers.append(_keeper())
            addresses[machine] = made.plug_in(machine, keepers[-1].pid)
        yield made, addresses
    finally:
        for keeper in keepers:
            keeper.kill()
            keeper.wait()


def _keeper() -> "subprocess.Popen[bytes]":
    """A process that does nothing but have a network: it stays when the server in it dies."""
    unshare = str(shutil.which("unshare"))
    keeper = subprocess.Popen(tied_to_us(unshare, "--net", "sleep", "infinity"))
    ours = os.readlink("/proc/self/ns/net")
    deadline = time.monotonic() + MADE_WITHIN
    while os.readlink(f"/proc/{keeper.pid}/ns/net") == ours:
        if time.monotonic() > deadline:
            raise TimeoutError("a network of its own was not made in time")
        time.sleep(0.01)
    return keeper


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, timeout=10, check=True)
