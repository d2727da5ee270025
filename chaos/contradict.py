"""`make contradict`: tasks are told to do everything at once, by a seed, and the server is killed meanwhile.

One server, everything in one process. Five tasks at a time are written to, stopped, pushed, renamed, archived,
killed, their jobs cancelled and taken up again, with prompts that do what agents should not. When nothing works on
anything any more, each task has to add up (`chaos/adds_up.py`), and the retry that an open issue offers is taken.
"""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from bench.scenery import Running, git_repository, node
from chaos.adds_up import Accepted, Shown, at_work, contradictions

TASKS = 5
QUIET_SECONDS = 180.0
PAUSES = (0.0, 0.0, 0.02, 0.1, 0.5, 1.5)
PROMPTS = (
    *("true", "exit 3", "sleep 1", "echo hi > f$RANDOM.txt", "git rm -q file-0.txt", "sleep 30 &"),
    *("git checkout -q -b elsewhere", "git checkout -q --detach", "rm -rf .git", "kill -9 $$"),
    *("trap '' TERM INT; sleep 4", 'cd ..; rm -rf "$OLDPWD"', "git branch -D other; true"),
    "echo more >> file-1.txt && git -c user.name=x -c user.email=x@example.com commit -qam work",
)
BRANCHES = ("main", "other", "one", "two", "three")
SHELL_LINES = ("cat", "sleep 2", "exit 5", "trap '' TERM; exec sleep 99")
COMMANDS = (
    *("agent_session.send", "agent_session.send", "agent_session.send", "agent_session.stop"),
    *("agent_session.create", "agent_session.close", "agent_session.cancel_message"),
    *("job.cancel", "job.cancel", "job.retry", "job.retry", "issue.resolve", "process.start"),
    *("task.push", "task.merge", "task.rename_branch", "task.revert_file"),
    *("task.archive", "task.kill"),
)
"""Each stands there as often as it is to come."""


class Server:
    """Runs from the beginning, is killed and started again on the same data; whoever asks meanwhile waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._client = httpx.AsyncClient(trust_env=False, timeout=60.0)
        self.start()

    def start(self) -> None:
        settings = {"FOUNDRY_LOG_LEVEL": "error", "FOUNDRY_DURABILITY": "os"}
        self._running: Running = self._stack.enter_context(node(self._folder / "data", **settings))

    def end(self, by: signal.Signals) -> None:
        os.kill(self._running.pid, by)
        self._stack.close()

    async def submit(self, name: str, /, **fields: str | list[str]) -> dict[str, Any]:
        """The answer, whatever it is: a command that got none is sent again under its key."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return await self._answered("POST", f"/v1/commands/{name}", headers=key, json=fields)

    async def view(self, topic: str) -> Any:
        return (await self._answered("GET", f"/v1/views/{topic}"))["data"]

    async def _answered(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        headers = sent.pop("headers", {})
        async with asyncio.timeout(QUIET_SECONDS):
            while True:
                url, bearer = self._running.address + path, f"Bearer {self._running.token}"
                with suppress(httpx.HTTPError):
                    answer = await self._client.request(
                        method, url, headers={**headers, "Authorization": bearer}, **sent
                    )
                    if answer.status_code != 503:
                        found: dict[str, Any] = answer.json()
                        return found
                await asyncio.sleep(0.1)


@dataclass
class Life:
    """One task: its commands are chosen among what it has by now."""

    server: Server
    random: Random
    accepted: Accepted
    sessions: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    @classmethod
    async def begin(cls, server: Server, random: Random, repository_id: str) -> "Life":
        named = random.choice(({}, {"branch": random.choice(BRANCHES)}, {"on_branch": "other"}))
        fields = {"repository_id": repository_id, "prompt": random.choice(PROMPTS), **named}
        made = await server.submit("task.create", **fields)
        life = cls(server, random, Accepted(made["ids"]["task_id"]))
        life._note("task.create", fields, made)
        return life

    async def go_on(self) -> None:
        for _ in range(self.random.randrange(4, 14)):
            await asyncio.sleep(self.random.choice(PAUSES))
            name = self.random.choice(COMMANDS)
            fields = await self._fields(name)
            if fields is not None:
                self._note(name, fields, await self.server.submit(name, **fields))

    async def _fields(self, name: str) -> dict[str, Any] | None:
        """None if there is nothing yet that this command could be about."""
        task = {"task_id": self.accepted.task_id}
        choose: Callable[..., Any] = self.random.choice
        match name.split("."):
            case ["agent_session", "create"]:
                return task
            case ["agent_session", "cancel_message"]:
                message, session = choose(list(self.accepted.sent.items())[-3:])
                return {**task, "session_id": session, "message_id": message}
            case ["agent_session", what]:
                text = {"text": choose(PROMPTS)} if what == "send" else {}
                return {**task, "session_id": choose(self.sessions), **text}
            case ["job", _]:
                return {"job_id": choose(self.jobs[-4:])}
            case ["process", _]:
                return {**task, "command": "sh", "args": ["-c", choose(SHELL_LINES)]}
            case ["issue", _]:
                shown = await self.server.view(f"task/{self.accepted.task_id}")
                issues = [one["id"] for one in shown["issues"] if one["resolved_at"] is None]
                return {**task, "issue_id": choose(issues)} if issues else None
            case [_, "rename_branch"]:
                return {**task, "branch": choose(BRANCHES)}
            case [_, "revert_file"]:
                return {**task, "path": choose(("file-0.txt", "file-1.txt", "nope"))}
            case _:
                return task

    def _note(self, name: str, fields: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        result = answer.get("code", answer.get("events"))
        self.accepted.said.append(f"{name} {dict(fields)}: {result}")
        ids = answer.get("ids", {})
        for kind, known in (("session_id", self.sessions), ("job_id", self.jobs)):
            if kind in ids and ids[kind] not in known:
                known.append(ids[kind])
        if name in ("task.create", "agent_session.send") and ids:
            self.accepted.sent[ids["message_id"]] = ids["session_id"]
        if name == "agent_session.cancel_message" and ids:
            self.accepted.cancelled.add(fields["message_id"])
        if name == "issue.resolve" and ids:
            self.accepted.resolved.add(fields["issue_id"])


async def contradict(seed: int, rounds: int, *, kills: bool) -> int:
    """Status 0 if everything added up."""
    random, lives, found = Random(seed), list[Life](), 0
    with tempfile.TemporaryDirectory(prefix="contradict-") as name:
        server = Server(Path(name))
        try:
            project = git_repository(Path(name) / "project", files=3)
            house = (await server.submit("organization.create", name="House"))["ids"]
            added = await server.submit("repository.add", **house, remote_url=str(project))
            for number in range(rounds):
                repository_id = added["ids"]["repository_id"]
                begun = [
                    await Life.begin(server, Random(random.random()), repository_id)
                    for _ in range(TASKS)
                ]
                lives += begun
                going_on = asyncio.gather(*(life.go_on() for life in begun))
                if kills:
                    await asyncio.sleep(random.uniform(0.5, 4))
                    server.end(random.choice((signal.SIGKILL, signal.SIGTERM)))
                    server.start()
                await going_on
                found += await _findings(server, lives)
                print(f"round {number + 1} of {rounds}: {len(lives)} tasks, findings {found}")
        finally:
            server.end(signal.SIGTERM)
    return 1 if found else 0


async def _findings(server: Server, lives: list[Life]) -> int:
    """How many; each is printed with every command its task was given."""
    found = 0
    deadline = time.monotonic() + QUIET_SECONDS
    for life in lives:
        id = life.accepted.task_id
        while at_work(await server.view(f"task/{id}"), await server.view(f"files/{id}")):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        wrong = list(contradictions(life.accepted, await _shown(server, life)))
        wrong += await _retries_refused(server, life)
        found += len(wrong)
        if wrong:
            print(id, *wrong, *life.accepted.said, sep="\n  ", flush=True)
    return found


async def _shown(server: Server, life: Life) -> Shown:
    id = life.accepted.task_id
    task = await server.view(f"task/{id}")
    return Shown(
        task,
        await server.view(f"files/{id}"),
        (await server.view(f"processes/{id}"))["processes"],
        {
            one["id"]: (await server.view(f"transcript/{one['id']}"))["entries"]
            for one in task["sessions"]
        },
    )


async def _retries_refused(server: Server, life: Life) -> list[str]:
    """An issue that is open offers something that can be done."""
    task = await server.view(f"task/{life.accepted.task_id}")
    offered = {one["retry_job_id"] for one in task["issues"] if one["resolved_at"] is None}
    refused = []
    for job_id in sorted(offered - {None}):
        answer = await server.submit("job.retry", job_id=job_id)
        life.accepted.said.append(f"job.retry of an issue: {answer.get('code', 'accepted')}")
        if "code" in answer:
            refused.append(f"the retry of an open issue is refused: {answer['code']}")
    return refused


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.contradict", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-kills", action="store_true", help="the server is left alone")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    return asyncio.run(contradict(options.seed, options.rounds, kills=not options.no_kills))


if __name__ == "__main__":
    sys.exit(main())
