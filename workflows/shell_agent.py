"""The built-in `shell` agent: speaks the Agent Client Protocol on its pipes and runs each message as a shell script.

Run by its path, `python -I -S shell_agent.py`, with little of the standard library, so that it is
there at once. One thread, which waits in one place. Standard output of a script comes as
`agent_message_chunk`, its standard error likewise with `"_meta": {"stream": "stderr"}`.
"""

from __future__ import annotations

import codecs
import json
import os
import selectors
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL_VERSION = 1
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

TURN_RUNNING, METHOD_NOT_FOUND, INVALID_PARAMS = -32000, -32601, -32602


class Agent:
    """Reads requests, starts scripts, hands on what they say; ends when its standard input does."""

    def __init__(self) -> None:
        self._selector = selectors.PollSelector()
        self._scripts: dict[str, Script] = {}
        self._folders: dict[str, str] = {}
        self._unread = b""
        self._calls = 0
        self._ending = False

    def serve(self) -> None:
        child_ended, on_child_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(on_child_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._selector.register(child_ended, selectors.EVENT_READ, None)
        self._selector.register(0, selectors.EVENT_READ, None)
        while self._scripts or not self._ending:
            timer = min((script.next_timer for script in self._scripts.values()), default=NEVER)
            patience = None if timer == NEVER else max(0.0, timer - time.monotonic())
            for key, _ in self._selector.select(patience):
                if key.data is not None:
                    self._read_output(key.fd, key.data)
                elif key.fd == 0:
                    self._read_requests()
                else:
                    os.read(child_ended, 4096)
            self._tend_scripts()

    # --- Requests ---

    def _read_requests(self) -> None:
        data = os.read(0, 256 << 10)
        if not data:
            self._end()
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in filter(None, lines):
            try:
                request = json.loads(line)
            except ValueError:
                continue
            if isinstance(request, dict) and "method" in request:
                self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        params = request.get("params") or {}
        match request["method"]:
            case "initialize":
                self._reply(
                    request,
                    protocolVersion=PROTOCOL_VERSION,
                    agentCapabilities={"loadSession": False},
                    agentInfo={"name": "shell", "title": "Shell", "version": "1"},
                    authMethods=[],
                )
            case "session/new":
                folder = params.get("cwd")
                if not isinstance(folder, str) or not os.path.isdir(folder):
                    self._refuse(request, INVALID_PARAMS, f"There is no folder {folder}.")
                    return
                session_id = f"shell-{len(self._folders) + 1}"
                self._folders[session_id] = folder
                self._reply(request, sessionId=session_id)
            case "session/prompt":
                self._start(request, params)
            case "session/cancel":
                if (script := self._scripts.get(str(params.get("sessionId")))) is not None:
                    script.cancel()
            case method if "id" in request:
                self._refuse(request, METHOD_NOT_FOUND, f"The shell agent has no {method}.")

    def _start(self, request: dict[str, Any], params: dict[str, Any]) -> None:
        session_id = str(params.get("sessionId"))
        if session_id not in self._folders:
            self._refuse(request, INVALID_PARAMS, f"There is no session {session_id}.")
            return
        if session_id in self._scripts:
            self._refuse(request, TURN_RUNNING, "A script is running in this session.")
            return
        blocks = params.get("prompt") or []
        text = "\n".join(block["text"] for block in blocks if block.get("type") == "text")
        self._calls += 1
        script = Script(request, session_id, f"call_{self._calls}", self._folders[session_id], text)
        self._scripts[session_id] = script
        for pipe, stream in script.pipes.items():
            self._selector.register(pipe, selectors.EVENT_READ, (script, stream))
        title = next((line.strip() for line in text.splitlines() if line.strip()), "(nothing)")
        self._update(
            session_id,
            sessionUpdate="tool_call",
            toolCallId=script.call_id,
            title=title[:200],
            kind="execute",
            status="in_progress",
        )

    # --- Scripts ---

    def _read_output(self, pipe: int, of: tuple[Script, str]) -> None:
        script, stream = of
        data = os.read(pipe, 64 << 10)
        if not data:
            self._selector.unregister(pipe)
            os.close(pipe)
            del script.pipes[pipe]
        # What comes after the turn is from something left in the background: read, so that it can go on.
        elif self._scripts.get(script.session_id) is script:
            script.take(data, stream)

    def _tend_scripts(self) -> None:
        for script in list(self._scripts.values()):
            finished = script.tend()
            for text, stream in script.due(everything=finished):
                meta = {} if stream == "stdout" else {"_meta": {"stream": stream}}
                self._update(
                    script.session_id,
                    sessionUpdate="agent_message_chunk",
                    content={"type": "text", "text": text},
                    **meta,
                )
            if finished:
                self._finish(script)

    def _finish(self, script: Script) -> None:
        del self._scripts[script.session_id]
        self._update(
            script.session_id,
            sessionUpdate="tool_call_update",
            toolCallId=script.call_id,
            status="completed" if script.exit_code == 0 else "failed",
            rawOutput={"exit_code": script.exit_code},
        )
        self._reply(script.request, stopReason="cancelled" if script.cancelled else "end_turn")

    def _end(self) -> None:
        self._ending = True
        self._selector.unregister(0)
        for script in self._scripts.values():
            script.cancel()

    # --- What is sent ---

    def _update(self, session_id: str, **update: object) -> None:
        params = {"sessionId": session_id, "update": update}
        self._send({"method": "session/update", "params": params})

    def _reply(self, request: dict[str, Any], **result: object) -> None:
        self._send({"id": request.get("id"), "result": result})

    def _refuse(self, request: dict[str, Any], code: int, message: str) -> None:
        self._send({"id": request.get("id"), "error": {"code": code, "message": message}})

    def _send(self, message: dict[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        try:
            while data:
                data = data[os.write(1, data) :]
        except BrokenPipeError:
            if not self._ending:
                self._end()


class Script:
    """One message that runs: a shell in a process group of its own, and what it said so far."""

    def __init__(
        self, request: dict[str, Any], session_id: str, call_id: str, folder: str, text: str
    ) -> None:
        self.request = request
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
        if self._said > OUTPUT_BYTES:
            return
        self._said += len(data)
        text = self._decoders[stream].decode(data)
        if self._said > OUTPUT_BYTES:
            text, stream = (
                f"\n[more than {OUTPUT_BYTES >> 20} MB: the rest is left out]\n",
                "stderr",
            )
        if not self._waiting:
            self._flush_at = time.monotonic() + CHUNK_SECONDS
        self._waiting.append((text, stream))
        self._waiting_bytes += len(data)

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
    """Start a shell in a session of its own: its pid and the pipes of its two outputs."""
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    script = text.replace("\0", "").encode("utf-8", "replace")
    out, to_out = os.pipe()
    err, to_err = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
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
    return pid, out, err


def _arguments(script: bytes) -> list[str | bytes]:
    if len(script) <= ARGUMENT_BYTES:
        return ["-c", script, "script"]
    memory = os.memfd_create("script", 0)
    while script:
        script = script[os.write(memory, script) :]
    os.lseek(memory, 0, os.SEEK_SET)
    return [f"/dev/fd/{memory}"]


if __name__ == "__main__":
    Agent().serve()
