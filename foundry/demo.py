"""`foundry demo`: the main job in the terminal. A real repository, a real task, everything live from one stream."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from foundry.demo_screen import Screen
from foundry.follow import Topics, frames
from foundry.running import answers, client_of, submit
from runtime.child_process import tied_to_us
from runtime.errors import Rejected, Unavailable
from runtime.settings import Settings, environment

SCRIPT = """echo "Working in $(basename "$PWD") on branch $(git branch --show-current)"
git log --oneline -3
printf '# Notes\\n\\nWritten by the shell agent.\\n' > NOTES-from-foundry.md
git status --short"""

PATIENCE = 120.0
START_SECONDS = 30.0


async def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Add a repository, create a task, watch its stages, transcript and diff; say how to go on by hand."""
    screen = Screen(machine=options.json)
    async with _server(settings, quiet=options.json) as client:
        repository = options.repository or await _clone_of_this_project(Path(settings.data))
        async with _within(PATIENCE, "The task was not done"):
            task = await _create_task(client, screen, str(Path(repository).absolute()))
            view = await _watch(client, screen, task)
            await _show_result(client, screen, task, view)
        if not options.json:
            print(_GO_ON.format(address=client.base_url, query=task.query, task=task.id))
    return 1 if view["status"] == "error" else 0


class _Task:
    def __init__(self, ids: dict[str, str]) -> None:
        self.id = ids["task_id"]
        self.topics = (f"task/{self.id}", f"transcript/{ids['session_id']}", f"files/{self.id}")

    @property
    def query(self) -> str:
        return "&".join(f"topic={topic}" for topic in self.topics)


async def _create_task(client: httpx.AsyncClient, screen: Screen, repository: str) -> _Task:
    made = await submit(client, "organization.create", name="Demo")
    organization_id = made["ids"]["organization_id"]
    screen.say("organization", id=organization_id, position=made["position"])
    added = await submit(
        client, "repository.add", organization_id=organization_id, remote_url=repository
    )
    repository_id = added["ids"]["repository_id"]
    screen.say("repository", id=repository_id, position=added["position"], remote=repository)
    started = time.perf_counter()
    created = await submit(
        client,
        "task.create",
        repository_id=repository_id,
        prompt=SCRIPT,
        title="Say hello from the demo",
    )
    answered = f"{(time.perf_counter() - started) * 1000:.1f} ms"
    task = _Task(created["ids"])
    screen.say("task", id=task.id, position=created["position"], answered_in=answered)
    return task


async def _watch(client: httpx.AsyncClient, screen: Screen, task: _Task) -> dict[str, Any]:
    """The task's view once it is idle and its changed files are there, or once it has failed."""
    topics = Topics()
    async for frame in frames(client, task.topics):
        topics.fold(frame)
        if frame.event in ("snapshot", "change"):
            screen.show(frame)
        if frame.event == "bye":
            raise Unavailable(f"The stream ended early: {frame.data['detail']}")
        view = topics.views.get(task.topics[0], {})
        files = topics.views.get(task.topics[2], {})
        if view.get("status") == "error" or (view.get("status") == "idle" and files.get("files")):
            return view
    raise Unavailable("The stream ended before the task was done.")


async def _show_result(
    client: httpx.AsyncClient, screen: Screen, task: _Task, view: dict[str, Any]
) -> None:
    for issue in view["issues"]:
        screen.say("issue", stage=issue["stage"], message=issue["message"])
    screen.say("status", task=view["status"], branch=view["branch"])
    screen.quote("diff", (await client.get(f"/v1/diffs/{task.id}")).text)
    milliseconds = await _time_to_screen(client, task)
    screen.say("command to screen", took=f"{milliseconds:.1f} ms")
    screen.say("stream", address=f"{client.base_url}/v1/stream?{task.query}")


async def _time_to_screen(client: httpx.AsyncClient, task: _Task) -> float:
    """Milliseconds from sending a rename to its change on a stream that is already live."""
    key = str(uuid.uuid4())
    started = 0.0
    async with asyncio.TaskGroup() as group:
        async for frame in frames(client, task.topics[:1]):
            if frame.event == "ready":
                started = time.perf_counter()
                group.create_task(
                    client.post(
                        "/v1/commands/task.rename",
                        json={"task_id": task.id, "title": "Said hello from the demo"},
                        headers={"Idempotency-Key": key},
                    )
                )
            if frame.event == "change" and frame.data["cause"].get("command_id") == key:
                return (time.perf_counter() - started) * 1000
    raise Unavailable("The stream ended before the change was seen.")


_GO_ON = """
Go on by hand:
  export TOKEN=$(.venv/bin/foundry token)
  curl -N -H "Authorization: Bearer $TOKEN" '{address}/v1/stream?{query}'
  curl -s -H "Authorization: Bearer $TOKEN" '{address}/v1/views/task/{task}'
  .venv/bin/foundry history {task}"""


async def _clone_of_this_project(data: Path) -> str:
    """A clone that stays, as the repository does: the next task in it is checked out from there as well."""
    source = Path(__file__).parent.parent
    (data / "demo").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=data / "demo"))
    target = folder / "foundry"
    command = ("git", "clone", "--quiet", "--bare", "--", str(source), str(target))
    clone = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        if await clone.wait() != 0:
            raise Rejected(
                "This project is not a git clone here; name a repository: foundry demo --repository PATH"
            )
    except BaseException:
        if clone.returncode is None:
            clone.kill()
            await clone.wait()
        shutil.rmtree(folder)
        raise
    return str(target)


@asynccontextmanager
async def _server(settings: Settings, *, quiet: bool) -> AsyncIterator[httpx.AsyncClient]:
    """The running server, else one of our own, which stays until Ctrl-C when a person is watching.

    When `quiet` what that one prints is not among the lines of the demo.
    """
    if await answers(settings, "commands", "read"):
        async with client_of(settings) as client:
            yield client
        return
    server = await asyncio.create_subprocess_exec(
        *tied_to_us(sys.executable, "-m", "foundry", "serve"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=sys.stderr if quiet else None,
        # What goes on is told by the demo itself.
        env={**environment(), "FOUNDRY_LOG_LEVEL": "warning"},
    )
    try:
        async with _within(START_SECONDS, "The server did not answer"):
            while not await answers(settings):
                if server.returncode is not None:
                    raise Unavailable("The server did not start; its message stands above.")
                await asyncio.sleep(0.1)
        async with client_of(settings) as client:
            yield client
        if sys.stdin.isatty() and not quiet:
            print("\nThe server is still running; Ctrl-C ends it.")
            await server.wait()
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


@asynccontextmanager
async def _within(seconds: float, otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unavailable(
            f"{otherwise} within {seconds:.0f} s; `foundry doctor` says what is wrong."
        ) from None
