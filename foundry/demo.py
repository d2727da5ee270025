"""`foundry demo`: the main job in the terminal. A real repository, a real task, everything live from one stream."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from foundry.data_folder import read_token
from foundry.follow import Frame, Topics, frames
from runtime.errors import Rejected, Unavailable
from runtime.settings import Settings

SCRIPT = """echo "Working in $(basename "$PWD") on branch $(git branch --show-current)"
git log --oneline -3
printf '# Notes\\n\\nWritten by the shell agent.\\n' > NOTES-from-foundry.md
git status --short"""

PATIENCE = 60.0


async def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Add a repository, create a task, watch its stages, transcript and diff; say how to go on by hand."""
    with tempfile.TemporaryDirectory(prefix="foundry-demo-") as scratch:
        repository = options.repository or await _clone_of_this_project(Path(scratch) / "foundry")
        async with _server(settings) as (address, token), asyncio.timeout(PATIENCE):
            client = httpx.AsyncClient(
                base_url=address, headers={"Authorization": f"Bearer {token}"}, trust_env=False
            )
            async with client:
                return await _Demo(client, address, machine=options.json).run(
                    str(Path(repository).absolute())
                )


class _Demo:
    def __init__(self, client: httpx.AsyncClient, address: str, *, machine: bool) -> None:
        self._client = client
        self._address = address
        self._machine = machine
        self._topics = Topics()
        self._sent_at: dict[str, float] = {}
        self._delays: list[float] = []

    async def run(self, repository: str) -> int:
        organization = await self._command("organization.create", name="Demo")
        organization_id = organization["ids"]["organization_id"]
        self._say("organization", id=organization_id, position=organization["position"])
        added = await self._command(
            "repository.add", organization_id=organization_id, remote_url=repository
        )
        repository_id = added["ids"]["repository_id"]
        self._say("repository", id=repository_id, remote_url=repository, position=added["position"])
        created = await self._command(
            "task.create",
            repository_id=repository_id,
            prompt=SCRIPT,
            title="Say hello from the demo",
        )
        task_id, session_id = created["ids"]["task_id"], created["ids"]["session_id"]
        self._say("task", id=task_id, position=created["position"], answered=created["events"])

        topics = [f"task/{task_id}", f"transcript/{session_id}", f"files/{task_id}"]
        async for frame in frames(self._client, topics):
            self._topics.fold(frame)
            self._show(frame)
            if frame.event == "bye":
                raise Unavailable(f"The stream ended early: {frame.data['detail']}")
            if self._is_done(topics):
                break
        await self._show_result(task_id, topics)
        return 1 if self._failed(topics) else 0

    async def _command(self, command: str, **data: str) -> dict[str, Any]:
        key = str(uuid.uuid4())
        self._sent_at[key] = time.perf_counter()
        response = await self._client.post(
            f"/v1/commands/{command}", json=data, headers={"Idempotency-Key": key}
        )
        if response.status_code != 202:
            raise Rejected(f"{command}: {response.json().get('detail', response.text)}")
        self._delays.append((time.perf_counter() - self._sent_at[key]) * 1000)
        answer: dict[str, Any] = response.json()
        return answer

    def _show(self, frame: Frame) -> None:
        if frame.event not in ("change", "snapshot"):
            return
        topic, version = frame.data["topic"], frame.data["version"]
        changes = frame.data.get("changes", ())
        if frame.event == "snapshot":
            view = frame.data["data"]
            changes = [
                {"entity": entity, "op": "put", "value": value}
                for entity, values in (
                    ("entry", view.get("entries", ())),
                    ("job", view.get("jobs", ())),
                )
                for value in values
            ]
        for change in changes:
            value = change.get("value")
            if change["op"] == "put" and change["entity"] == "job":
                stages = " ".join(f"{one['id']}:{one['status']}" for one in value["stages"])
                self._say(
                    "job",
                    kind=value["kind"],
                    status=value["status"],
                    stages=stages,
                    version=version,
                )
            elif change["op"] == "put" and change["entity"] == "entry" and value.get("text"):
                self._say(value["sender"], text=value["text"].rstrip(), version=version)
            elif (
                change["op"] == "put" and change["entity"] == "file" and topic.startswith("files/")
            ):
                self._say("file", path=value["id"], added=value["added"], removed=value["removed"])

    def _is_done(self, topics: list[str]) -> bool:
        task = self._topics.views.get(topics[0], {})
        files = self._topics.views.get(topics[2], {})
        return self._failed(topics) or (task.get("status") == "idle" and bool(files.get("files")))

    def _failed(self, topics: list[str]) -> bool:
        return self._topics.views.get(topics[0], {}).get("status") == "error"

    async def _show_result(self, task_id: str, topics: list[str]) -> None:
        task = self._topics.views[topics[0]]
        diff = await self._client.get(f"/v1/diffs/{task_id}")
        self._say("result", status=task["status"], branch=task["branch"])
        self._say("diff", text=diff.text)
        renamed = await self._time_to_screen(task_id, topics[0])
        self._say("command to screen", milliseconds=round(renamed, 2))
        query = "&".join(f"topic={topic}" for topic in topics)
        self._say("stream", address=f"{self._address}/v1/stream?{query}")
        if not self._machine:
            print(_GO_ON.format(address=self._address, query=query, task=task_id))

    async def _time_to_screen(self, task_id: str, topic: str) -> float:
        """Milliseconds from sending a rename to its change on a stream that is already live."""
        async for frame in frames(self._client, [topic]):
            if frame.event == "ready":
                started = time.perf_counter()
                key = str(uuid.uuid4())
                renaming = asyncio.create_task(
                    self._client.post(
                        "/v1/commands/task.rename",
                        json={"task_id": task_id, "title": "Said hello from the demo"},
                        headers={"Idempotency-Key": key},
                    )
                )
            if frame.event == "change" and frame.data["cause"].get("command_id") == key:
                await renaming
                return (time.perf_counter() - started) * 1000
        raise Unavailable("The stream ended before the change was seen.")

    def _say(self, what: str, **fields: Any) -> None:
        if self._machine:
            print(json.dumps({"what": what, **fields}), flush=True)
        elif list(fields) == ["text"] or set(fields) == {"text", "version"}:
            indented = fields["text"].replace("\n", "\n" + " " * 14)
            print(f"{what:>12}  {indented}", flush=True)
        else:
            print(f"{what:>12}  " + "  ".join(f"{k}={v}" for k, v in fields.items()), flush=True)


_GO_ON = """
Go on by hand:
  export TOKEN=$(.venv/bin/foundry token)
  curl -N -H "Authorization: Bearer $TOKEN" '{address}/v1/stream?{query}'
  curl -s -H "Authorization: Bearer $TOKEN" '{address}/v1/views/task/{task}'
  .venv/bin/foundry history {task}"""


async def _clone_of_this_project(target: Path) -> str:
    source = Path(__file__).parent.parent
    clone = await asyncio.create_subprocess_exec(
        "git", "clone", "--quiet", "--", str(source), str(target), stdin=asyncio.subprocess.DEVNULL
    )
    if await clone.wait() != 0:
        raise Rejected(
            "This project is not a git clone here; name one: foundry demo --repository PATH"
        )
    return str(target)


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The running server, else one of our own that stays until Ctrl-C when a person is watching."""
    host, port = settings.address
    address = f"http://{host}:{port}"
    if await _answers(address):
        yield address, _token(settings)
        return
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "foundry", "serve", stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(20):
            while not await _answers(address):
                if server.returncode is not None:
                    raise Unavailable("The server did not start; its message stands above.")
                await asyncio.sleep(0.1)
        yield address, _token(settings)
        if sys.stdin.isatty():
            print("\nThe server is still running; Ctrl-C ends it.")
            await server.wait()
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            return (await client.get(f"{address}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def _token(settings: Settings) -> str:
    token = settings.token or read_token(settings.data_folder)
    if token is None:
        raise Unavailable("There is no token in the data folder; set FOUNDRY_TOKEN.")
    return token
