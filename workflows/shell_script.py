"""One message that runs as a shell script: the shell, what it says, and its end. Used by `shell_agent` only."""

from __future__ import annotations

import codecs
import os
import signal
import time

CHUNK_BYTES = 8192
CHUNK_SECONDS = 0.02
"""Output is handed on when this much has come, or when its first byte has waited so long."""

OUTPUT_BYTES = 16 << 20
"""What one script may say; the rest is read and thrown away."""

PIPE_GRACE = 0.2
"""How long to go on reading after the shell ended, if something it started keeps the pipes open."""

KILL_GRACE = 2.0
NEVER = float("inf")
ARGUMENT_BYTES = 100_000
"""The kernel takes 128 KB in one argument; longer scripts go through a file in memory."""


class Script:
    """One message that runs: a shell in a process group of its own, and what it said so far."""

    def __init__(
        self, request_id: object, session_id: str, call_id: str, folder: str, text: str
    ) -> None:
        self.request_id = request_id
        self.session_id = session_id
        self.call_id = call_id
        self.cancelled = False
        self.exit_code: int | None = None
        self._said = 0
        self._waiting: list[tuple[str, str]] = []
        self._waiting_bytes = 0
        self._decoders = {
            stream: codecs.getincrementaldecoder("utf-8")("replace")
            for stream in ("stdout", "stderr")
        }
        self._flush_at = self._kill_at = self._stop_reading_at = NEVER
        self._pid, out, err = _run(text, folder)
        self.pipes = {out: "stdout", err: "stderr"}

    @property
    def next_timer(self) -> float:
        """When `tend` or `due` have something to do without a word from the shell."""
        return min(self._flush_at, self._kill_at, self._stop_reading_at)

    def cancel(self) -> None:
        """End the shell and all of its process group, by force if it does not obey."""
        if not self.cancelled:
            self.cancelled = True
            self._kill(signal.SIGTERM)
            self._kill_at = time.monotonic() + KILL_GRACE

    def take(self, data: bytes, stream: str) -> None:
        """Keep a piece of output until it is due."""
        room = OUTPUT_BYTES - self._said
        if room < 0:
            return
        if not self._waiting:
            self._flush_at = time.monotonic() + CHUNK_SECONDS
        self._said += len(data)
        self._waiting_bytes += len(data)
        self._waiting.append((self._decoders[stream].decode(data[:room]), stream))
        if len(data) > room:
            notice = f"\n[more than {OUTPUT_BYTES >> 20} MB: the rest is left out]\n"
            self._waiting.append((notice, "stderr"))

    def due(self, *, everything: bool) -> list[tuple[str, str]]:
        """What is to be handed on now, neighbours of one stream in one piece."""
        if everything:
            self._waiting += [(one.decode(b"", True), name) for name, one in self._decoders.items()]
        elif self._waiting_bytes < CHUNK_BYTES and time.monotonic() < self._flush_at:
            return []
        joined: list[tuple[str, str]] = []
        for text, stream in self._waiting:
            if joined and joined[-1][1] == stream:
                joined[-1] = (joined[-1][0] + text, stream)
            elif text:
                joined.append((text, stream))
        self._waiting, self._waiting_bytes, self._flush_at = [], 0, NEVER
        return joined

    def tend(self) -> bool:
        """Look after the shell; whether the turn is over."""
        now = time.monotonic()
        if self.exit_code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
                self._stop_reading_at = now + PIPE_GRACE
            if (pid and self.cancelled) or now >= self._kill_at:
                self._kill(signal.SIGKILL)
            if pid or now >= self._kill_at:
                self._kill_at = NEVER
        return self.exit_code is not None and (not self.pipes or now >= self._stop_reading_at)

    def _kill(self, number: int) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            return


def _run(text: str, folder: str) -> tuple[int, int, int]:
    """Start a shell in a process group of its own: its pid and the pipes of its two outputs."""
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    script = text.replace("\0", "").encode("utf-8", "replace")
    out, to_out = os.pipe()
    err, to_err = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(to_out, 1)
        os.dup2(to_err, 2)
        try:
            os.chdir(folder)
            arguments: list[str | bytes] = [shell, *_arguments(script)]
            os.execv(shell, arguments)
        except OSError as error:
            os.write(2, f"{folder}: {error.strerror}\n".encode())
            os._exit(127)
    os.close(to_out)
    os.close(to_err)
    _make_group(pid)
    return pid, out, err


def _arguments(script: bytes) -> list[str | bytes]:
    if len(script) <= ARGUMENT_BYTES:
        return ["-c", script, "script"]
    memory = os.memfd_create("script", 0)
    while script:
        script = script[os.write(memory, script) :]
    os.lseek(memory, 0, os.SEEK_SET)
    return [f"/dev/fd/{memory}"]


def _make_group(pid: int) -> None:
    # The child does the same; but the group may have to be killed before it comes to that.
    try:
        os.setpgid(pid, pid)
    except OSError:
        return
