"""`foundry demo`: where no server runs the main job is done on one of its own, and nothing of that stays."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from subprocess import Popen

from foundry.data_folder import is_locked
from tests.process_tree import descendants, gone, name
from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import House

DONE_WITHIN = 120.0
GONE_WITHIN = 20.0


def test_the_main_job_is_done_and_the_server_that_it_took_is_gone(
    tmp_path: Path, git_repository: GitRepository
) -> None:
    node = NodeProcess(tmp_path / "data")

    done = node.run("demo", "--json", "--repository", git_repository.url, within=DONE_WITHIN)

    assert done.status == 0, done.err
    said = {line["what"]: line for line in map(json.loads, done.out.splitlines())}
    assert said["status"]["task"] == "idle"
    assert "+Written by the shell agent." in said["diff"]["text"]
    assert not is_locked(node.data)


async def test_its_repository_can_be_worked_in_afterwards(
    system: NodeProcess, owner: Client
) -> None:
    done = await asyncio.to_thread(system.run, "demo", "--json", within=DONE_WITHIN)
    assert done.status == 0, done.err
    said = {line["what"]: line for line in map(json.loads, done.out.splitlines())}

    house = House(owner, said["organization"]["id"], said["repository"]["id"])
    created = await house.finished_task("git log --oneline -1")

    assert (await owner.data(f"task/{created.ids['task_id']}"))["status"] == "idle"


def test_killed_with_no_word_of_farewell_it_leaves_no_server_behind(
    tmp_path: Path, git_repository: GitRepository
) -> None:
    node = NodeProcess(tmp_path / "data")
    with Popen(
        [sys.executable, "-m", "foundry", "demo", "--json", "--repository", git_repository.url],
        # The folder of its own that it cannot remove any more is in the test's.
        env=node.environment() | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as demo:
        assert demo.stdout is not None
        # The first thing it tells of was a command to the server.
        assert json.loads(demo.stdout.readline())["what"] == "organization"
        began = descendants(demo.pid)
        assert "nats-server" in map(name, began)

        demo.kill()

    for pid in began:
        assert asyncio.run(gone(pid, GONE_WITHIN))
