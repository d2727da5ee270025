"""`foundry` as people start it: a process of its own, with its settings in the environment."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from time import monotonic

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 25.0

_READY = re.compile(rb"ready at (http://\S+) \(([0-9.]+) s\)")
_CODE = re.compile(rb"#code=([A-Za-z0-9_-]+)")


class NodeProcess:
    """One `foundry serve` on one data folder; it can be stopped, killed and started again there.

    `program` is what Python is given in place of the `foundry` package.
    """

    def __init__(
        self, data: Path, *roles: str, program: Sequence[str] = ("-m", "foundry"), **settings: str
    ) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        self._roles = roles
        self._program = program
        self._settings = settings
        self._process: Popen[bytes] | None = None
        self.address = ""
        self.seconds_to_ready = 0.0
        self.login_code = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def token(self) -> str:
        """The owner's token, as it stands in the data folder."""
        return (self.data / "token").read_text().strip()

    def launch(self) -> None:
        """Start it and wait for nothing."""
        with self.log.open("ab") as log:
            self._process = Popen(
                [sys.executable, *self._program, "serve", *self._roles],
                env=self.environment(),
                cwd=self.data.parent,
                stdout=PIPE,
                stderr=log,
            )

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        began = monotonic()
        self.launch()
        said = self._said_until(b"Ctrl-C", began + START_SECONDS)
        self.seconds_to_ready = monotonic() - began
        found = _READY.search(said)
        assert found is not None, said
        self.address = found[1].decode()
        code = _CODE.search(said)
        self.login_code = code[1].decode() if code else ""

    def stop(self, within: float = STOP_SECONDS, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        assert self._process is not None
        self._process.send_signal(by)
        return self.ended(within)

    def kill(self) -> None:
        """SIGKILL: no word of farewell to anybody."""
        assert self._process is not None
        self._process.kill()
        self.ended(STOP_SECONDS)

    def end(self) -> None:
        """Whatever state it is in: nothing is left of it."""
        if self._process is None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()

    def run(self, *arguments: str, within: float = 60, **settings: str) -> "Finished":
        """Run another command of the CLI on the same data folder."""
        done = subprocess.run(
            [sys.executable, "-m", "foundry", *arguments],
            env={**self.environment(), **settings},
            cwd=self.data.parent,
            capture_output=True,
            timeout=within,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            # This checkout, whichever one is installed.
            "PYTHONPATH": str(ROOT),
            "FOUNDRY_DATA": str(self.data),
            "FOUNDRY_LISTEN": "127.0.0.1:0",
            **self._settings,
        }

    def _said_until(self, word: bytes, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        said = b""
        while word not in said:
            readable, _, _ = select.select([pipe], [], [], max(0, deadline - monotonic()))
            piece = os.read(pipe, 65536) if readable else b""
            if not piece:
                raise AssertionError(f"It did not get ready: {said!r}\n{self.end_of_log()}")
            said += piece
        return said

    def end_of_log(self) -> str:
        """The last lines of its log, for a failing test."""
        return "\n".join(self.log.read_text().split("\n")[-30:])

    def ended(self, within: float) -> int:
        """Wait until it ends by itself; the exit status."""
        assert self._process is not None
        status = self._process.wait(within)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status


class Finished:
    """How a command of the CLI ended and what it said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err
