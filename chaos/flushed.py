"""`python -m chaos.flushed`: watches the system calls of the embedded server while a commit is acknowledged.

Shows that with durability `fsync` the bytes of the commit were written and flushed before the acknowledgement left,
and that with `os` they were not flushed. Needs `strace`, and the right to trace.
"""

import asyncio
import re
import shutil
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Literal

from events.commit import Commit
from events.ids import BEGINNING, Timestamp, UserId
from events.jetstream import open_store
from events.store import subject_of
from events.user import UserCreated
from runtime.connection import connect
from runtime.embedded_server import embedded_server

CALLS = "trace=pwrite64,write,fsync,fdatasync,writev,sendto,sendmsg"
WITHIN = 20.0
STEPS = {
    "written": re.compile(r"pwrite64\((\d+), .*evt\.user\.usr_traced"),
    "flushed": re.compile(r"(?:fsync|fdatasync)\((\d+)\)"),
    "acknowledged": re.compile(r"(?:writev|write|sendto|sendmsg)\(.*\\\"seq\\\":1"),
}


async def steps(durability: Literal["fsync", "os"]) -> list[str]:
    """What happened to one commit, in the order in which the server asked the system for it."""
    with tempfile.TemporaryDirectory(prefix="foundry-flushed-") as name:
        trace = Path(name) / "trace"
        async with (
            embedded_server(Path(name) / "nats", durability=durability) as server,
            connect(server.url, user=server.user, password=server.password) as connection,
        ):
            store = await open_store(connection)
            tracer = await asyncio.create_subprocess_exec(
                *("strace", "-f", "-s", "400", "-e", CALLS),
                *("-o", str(trace), "-p", str(server.pid)),
                stderr=DEVNULL,
            )
            try:
                await _until_traced(trace)
                user_id = UserId("usr_traced")
                commit = Commit(
                    at=Timestamp(0),
                    actor="worker",
                    events=(UserCreated(user_id=user_id, name="Traced"),),
                )
                await store.append(
                    subject_of("user", user_id), commit, expected=BEGINNING, message_id="traced"
                )
            finally:
                tracer.terminate()
                await tracer.wait()
        return _told(trace.read_text())


async def _until_traced(trace: Path) -> None:
    """The server's own timers show within a moment that it is watched."""
    async with asyncio.timeout(WITHIN):
        while not (trace.exists() and trace.stat().st_size):
            await asyncio.sleep(0.05)


def _told(trace: str) -> list[str]:
    """The steps that concern the commit; a flush counts only for the file it was written to."""
    told: list[str] = []
    file = None
    for line in trace.splitlines():
        if found := STEPS["written"].search(line):
            file = found[1]
            told.append("written")
        elif (found := STEPS["flushed"].search(line)) and found[1] == file:
            told.append("flushed")
        elif file is not None and STEPS["acknowledged"].search(line):
            told.append("acknowledged")
            break
    return told


async def _main() -> int:
    if shutil.which("strace") is None:
        raise SystemExit("This needs strace: install it.")
    found = {durability: await steps(durability) for durability in ("fsync", "os")}
    for durability, told in found.items():
        print(f"{durability}: {', then '.join(told)}")
    wanted = {
        "fsync": ["written", "flushed", "acknowledged"],
        "os": ["written", "acknowledged"],
    }
    return 0 if found == wanted else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(_main()))
