"""The built-in `shell` agent: speaks the Agent Client Protocol on its pipes and runs each message as a shell script.

It imports little of the standard library and nothing else, so that it is there at once. One
thread, which waits in one place. Standard output of a script comes as `agent_message_chunk`, its
standard error likewise with `"_meta": {"stream": "stderr"}`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import time

from workflows.shell_script import NEVER, Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL_VERSION = 1
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
                    agentCapabilities={
                        "loadSession": False,
                        "sessionCapabilities": {"resume": {}},
                    },
                    agentInfo={"name": "shell", "title": "Shell", "version": "1"},
                    authMethods=[],
                )
            case "session/new":
                self._open(request, params, f"shell-{len(self._folders) + 1}")
            case "session/resume":
                # Nothing is remembered from one script to the next, so any session can be gone on with.
                self._open(request, params, str(params.get("sessionId")))
            case "session/prompt":
                self._start(request, params)
            case "session/cancel":
                if (script := self._scripts.get(str(params.get("sessionId")))) is not None:
                    script.cancel()
            case method:
                if "id" in request:
                    self._refuse(request, METHOD_NOT_FOUND, f"The shell agent has no {method}.")

    def _open(self, request: dict[str, Any], params: dict[str, Any], session_id: str) -> None:
        folder = params.get("cwd")
        if not isinstance(folder, str) or not os.path.isdir(folder):
            self._refuse(request, INVALID_PARAMS, f"There is no folder {folder}.")
            return
        self._folders[session_id] = folder
        self._reply(request, sessionId=session_id)

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
        script = Script(
            request.get("id"), session_id, f"call_{self._calls}", self._folders[session_id], text
        )
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
        self._reply(
            {"id": script.request_id}, stopReason="cancelled" if script.cancelled else "end_turn"
        )

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


def main() -> None:
    """Serve until standard input ends."""
    Agent().serve()


if __name__ == "__main__":
    main()
