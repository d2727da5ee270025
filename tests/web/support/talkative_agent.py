"""An agent for tests of the page: says as much as one likes, asks, plans, thinks. Standard library only.

The first word of a prompt says what to do: `talk 30000`, `ask` with its
question (as does a prompt about a release), or anything else for one of everything. Its argument
is how many seconds it takes to start.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

SESSION = "talkative-1"
REPORT = """\"\"\"What the numbers say, for people.\"\"\"


def report(numbers: list[int]) -> str:
    return f"{len(numbers)} numbers, {sum(numbers)} together"
"""


def send(**message: object) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


def update(word: str, /, **fields: object) -> None:
    params = {"sessionId": SESSION, "update": {"sessionUpdate": word, **fields}}
    send(method="session/update", params=params)


def say(text: str, word: str = "agent_message_chunk") -> None:
    update(word, content={"type": "text", "text": text})


def receive() -> dict[str, Any]:
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


def talk(number: int) -> None:
    """Say this many entries: paragraphs, and every tenth a tool's call."""
    for at in range(number):
        if at % 10 == 9:
            title = f"Read file {at}"
            update(
                "tool_call", toolCallId=f"call_{at}", title=title, kind="read", status="completed"
            )
        else:
            say(f"Paragraph {at}. " + "Some more words. " * (at % 7) + "\n")


def ask(title: str = "Run `make release`") -> None:
    options = [
        {"optionId": "once", "name": "Allow once", "kind": "allow_once"},
        {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
        {"optionId": "no", "name": "Refuse", "kind": "reject_once"},
    ]
    tool = {"toolCallId": "call_ask", "title": title}
    params = {"sessionId": SESSION, "toolCall": tool, "options": options}
    send(id="ask", method="session/request_permission", params=params)
    while True:
        answer = receive()
        if answer.get("id") == "ask":
            say(f"You chose {answer['result']['outcome'].get('optionId', 'nothing')}.\n")
            return


def show(folder: Path) -> None:
    """One of everything, and a change in a file."""
    say("The numbers are read twice; reading them once is enough.", "agent_thought_chunk")
    steps = [("Find the readers", "completed"), ("Read once", "in_progress"), ("Test", "pending")]
    entries = [{"content": text, "priority": "medium", "status": status} for text, status in steps]
    update("plan", entries=entries)
    call = {"toolCallId": "call_1", "title": "grep -rn read_numbers src", "kind": "search"}
    update("tool_call", **call, status="in_progress", rawInput={"pattern": "read_numbers"})
    output = {"lines": ["src/numbers.py:4", "src/report.py:11"]}
    update("tool_call_update", toolCallId="call_1", status="completed", rawOutput=output)
    say("There are two readers, and only one of them needs the file:\n\n")
    say("```python\ndef report(numbers: list[int]) -> str:\n    return f'{sum(numbers)}'\n```\n\n")
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "report.py").write_text(REPORT)
    say("The numbers are passed in now. Shall I change the tests as well?\n")


def turn(text: str, folder: Path) -> None:
    word, _, rest = text.partition(" ")
    match word:
        case "talk":
            talk(int(rest))
        case "ask":
            ask(rest or "Run `make release`")
        case _ if "release" in text.lower():
            ask()
        case _:
            show(folder)


def main() -> None:
    folder = Path()
    while True:
        request = receive()
        match request.get("method"):
            case "initialize":
                time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)
                send(id=request["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
            case "session/new":
                folder = Path(request["params"]["cwd"])
                send(id=request["id"], result={"sessionId": SESSION})
            case "session/prompt":
                turn(request["params"]["prompt"][0]["text"], folder)
                send(id=request["id"], result={"stopReason": "end_turn"})
            case _:
                pass


if __name__ == "__main__":
    main()
