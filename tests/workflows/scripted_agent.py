"""An agent that does what the first word of each prompt says; standard library only, so that it starts fast."""

import json
import os
import signal
import sys
import time
from typing import Any

SESSION = "scripted-1"

OPENED: list[str] = []
"""The methods that opened sessions of this process."""

LOGGED_IN: list[str] = []


def send(**message: object) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


def update(word: str, /, **fields: object) -> None:
    params = {"sessionId": SESSION, "update": {"sessionUpdate": word, **fields}}
    send(method="session/update", params=params)


def chunk(text: str) -> None:
    update("agent_message_chunk", content={"type": "text", "text": text})


def receive() -> dict[str, Any]:
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


ALWAYS_OR_ONCE = [
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "once", "name": "Yes", "kind": "allow_once"},
    {"optionId": "never", "name": "Never", "kind": "reject_always"},
    {"optionId": "not now", "name": "No", "kind": "reject_once"},
]
YES_OR_NO = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]

NO = [{"optionId": "no", "name": "No", "kind": "reject_once"}]
TWICE = [
    *YES_OR_NO,
    {"optionId": "yes", "name": "Yes, and all that follows", "kind": "allow_always"},
]


def permission(options: list[dict[str, str]], title: str = "Delete everything") -> None:
    tool = {"toolCallId": "call_1", "title": title}
    params = {"sessionId": SESSION, "toolCall": tool, "options": options}
    send(id="ask-1", method="session/request_permission", params=params)
    while True:
        answer = receive()
        if answer.get("id") == "ask-1":
            chunk(json.dumps(answer["result"]["outcome"]))
            return


def turn(prompt: list[dict[str, Any]]) -> str | None:
    """The stop reason; None if the turn got an answer already."""
    word, _, rest = prompt[0]["text"].partition(" ")
    match word:
        case "echo":
            chunk(rest)
        case "blocks":
            chunk(json.dumps(prompt))
        case "burst":
            for number in range(int(rest)):
                chunk(f"{number} ")
        case "zeros":
            chunk("\0" * (128 << 10))
        case "kind":
            update("k" * int(rest), content={})
        case "method":
            send(method="m" * int(rest), params={})
        case "tool":
            update("tool_call", toolCallId="call_1", title="ls", kind="execute", status="pending")
            update("tool_call_update", toolCallId="call_1", status="completed", rawOutput={"n": 1})
            update("plan", entries=[])
        case "ask" if rest.startswith("in "):
            permission(YES_OR_NO, "rm " * int(rest.removeprefix("in ")))
        case "ask" if rest.startswith("between "):
            number = int(rest.removeprefix("between "))
            permission([{"optionId": "o" * number, "name": "Yes", "kind": "allow_once"}])
        case "ask":
            offers = {"nothing": [], "for good": ALWAYS_OR_ONCE, "no way": NO, "twice": TWICE}
            permission(offers.get(rest, YES_OR_NO))
        case "die":
            chunk("last words")
            sys.stdout.flush()
            sys.stderr.write("Traceback\nBoom: it broke\n")
            sys.stderr.flush()
            os._exit(int(rest))
        case "flood":
            sys.stderr.write("x" * 1023 * int(rest) + "\nthe end of the flood\n")
            sys.stderr.flush()
            chunk("dry")
        case "forever":
            chunk("thinking")
            while receive().get("method") != "session/cancel":
                pass
            return "cancelled"
        case "afterthought":
            chunk("thinking")
            while receive().get("method") != "session/cancel":
                pass
            permission(YES_OR_NO)
            return "cancelled"
        case "stubborn":
            chunk("thinking")
            while True:
                receive()
        case "noise":
            sys.stdout.write("debug: not a message\n[1, 2]\n\n")
            sys.stdout.buffer.flush()
            sys.stdout.flush()
            sys.stdout.buffer.write(
                b'{"jsonrpc":"2.0","method":"session/update","params":{"update":'
            )
            sys.stdout.buffer.write(
                b'{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"half \\ud83d \xff"}}}}\n'
            )
            sys.stdout.buffer.flush()
        case "long":
            sys.stdout.write("x" * int(rest) + "\n")
            chunk("after")
        case "unknown":
            send(id="fs-1", method="fs/read_text_file", params={"path": "/etc/passwd"})
            chunk(str(receive()["error"]["code"]))
        case "pester":
            tool = {"toolCallId": "call_1", "title": "Once more"}
            params = {"sessionId": SESSION, "toolCall": tool, "options": YES_OR_NO}
            for number in range(20_000):
                send(id=number, method=rest, params=params)
        case "opened":
            chunk(" ".join(OPENED))
        case "refuse":
            return "refusal"
        case "fail":
            raise RuntimeError(rest)
        case "vanish":
            # As if all but one were killed because the memory is full.
            if os.fork() == 0:
                os.close(0)
                time.sleep(600)
            chunk("last words")
            sys.stdout.flush()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        case "hush":
            os.close(1)
            while True:
                receive()
        case _:
            pass
    return "end_turn"


def answer(request: dict[str, Any], mode: str) -> None:
    match request["method"]:
        case "initialize" if mode == "mute":
            return
        case "initialize":
            able = {
                "loadSession": mode == "load",
                "sessionCapabilities": {"resume": {}}
                if mode in ("resume", "fragile", "silent")
                else {},
            }
            version = 2 if mode == "future" else 1
            logins = [
                {"id": "browser", "name": "Log in"},
                {"id": "other-key", "type": "env_var", "vars": [{"name": "OTHER_KEY"}]},
                {"id": "key", "type": "env_var", "vars": [{"name": "KEY"}]},
            ]
            result: dict[str, object] = {
                "protocolVersion": version,
                "agentCapabilities": able,
                "authMethods": logins if mode == "keyed" else [],
            }
        case "authenticate" if request["params"]["methodId"] == "other-key":
            send(id=request["id"], error={"code": -32603, "message": "OTHER_KEY is not set"})
            return
        case "authenticate":
            LOGGED_IN.append(request["params"]["methodId"])
            result = {}
        case "session/new" if mode == "locked" or (mode == "keyed" and LOGGED_IN != ["key"]):
            send(id=request["id"], error={"code": -32000, "message": "Log in first."})
            return
        case "session/new" if mode == "plain":
            result = {"sessionId": SESSION}
        case "session/new" if mode == "listing":
            listed = {"availableModels": [{"modelId": "fast", "name": "Fast"}]}
            result = {"sessionId": SESSION, "models": listed}
        case "session/new":
            OPENED.append(request["method"])
            models = [{"group": "g", "options": [{"value": "fast", "name": "Fast"}]}]
            option = {"id": "model", "category": "model", "type": "select", "options": models}
            result = {"sessionId": SESSION, "configOptions": [option]}
        case "session/load":
            OPENED.append(request["method"])
            chunk("what was said before")
            result = {}
        case "session/resume" if mode == "fragile":
            sys.stderr.write("no such conversation\n")
            sys.exit(1)
        case "session/resume" if mode == "silent":
            return
        case "session/resume" if request["params"]["sessionId"] not in (SESSION, "earlier"):
            send(id=request["id"], error={"code": -32602, "message": "There is no such session"})
            return
        case "session/resume":
            OPENED.append(request["method"])
            result = {}
        case "session/set_model":
            chunk(f"now {request['params']['modelId']}")
            result = {}
        case "session/set_config_option":
            chunk(f"now {request['params']['value']}")
            result = {"configOptions": []}
        case "session/prompt":
            try:
                result = {"stopReason": turn(request["params"]["prompt"])}
            except RuntimeError as error:
                said, _, reason = str(error).partition("|")
                failure: dict[str, object] = {"code": -32603, "message": said}
                send(
                    id=request["id"],
                    error=failure | ({"data": json.loads(reason)} if reason else {}),
                )
                return
        case _:
            return
    send(id=request["id"], result=result)
    if mode == "greeting" and request["method"] == "session/new":
        chunk("welcome ")


def main() -> None:
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "dead":
        sys.stderr.write("no licence\n")
        sys.exit(4)
    while True:
        answer(receive(), mode)


if __name__ == "__main__":
    main()
