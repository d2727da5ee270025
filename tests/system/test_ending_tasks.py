"""Archiving and killing: nothing of a task stays behind on the machine."""

from pathlib import Path
from typing import Any

import pytest

from tests.process_tree import gone, runs
from tests.system.client import Accepted
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISIONED_WITHIN, House

# The background process writes its number down, so that the test can look for it.
BACKGROUND = "sleep 300 > /dev/null 2>&1 & echo $! > {file}; setsid sleep 301 > /dev/null 2>&1 & echo $! >> {file}; echo started; sleep 100"


@pytest.mark.parametrize(
    ("command", "status"), [("task.kill", "killed"), ("task.archive", "archived")]
)
async def test_the_working_tree_and_all_processes_go(
    house: House, tmp_path: Path, command: str, status: str
) -> None:
    pids_file = tmp_path / "pids"
    created = await house.create_task(BACKGROUND.format(file=pids_file))
    task = await _started(house, created)
    (sandbox,) = task["sandboxes"]
    pids = [int(line) for line in pids_file.read_text().split()]
    assert [runs(pid) for pid in pids] == [True, True]

    ended = await house.owner.command(command, task_id=created.ids["task_id"])

    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda task: task["status"] == status, PROVISIONED_WITHIN
        )
    assert "job_id" in ended.ids
    assert not Path(sandbox["path"]).exists()
    assert [await gone(pid) for pid in pids] == [True, True]
    assert [one["status"] for one in task["sandboxes"]] != ["ready"]
    again = await house.owner.refused(
        "agent_session.send",
        task_id=created.ids["task_id"],
        session_id=created.ids["session_id"],
        text="echo more",
    )
    assert again["status"] == 422


async def test_a_kill_leaves_no_branch_whatever_the_agent_did_beside_its_sandbox(
    house: House,
) -> None:
    one = await house.finished_task('rm "$HOME/../note.json"', branch="mine")

    await _ended(house, "task.kill", one.ids["task_id"], "killed")

    two = await house.finished_task("git branch --show-current", branch="mine")
    transcript = await house.owner.data(f"transcript/{two.ids['session_id']}")
    assert "mine\n" in "".join(entry.get("text") or "" for entry in transcript["entries"])


async def test_an_archive_keeps_on_the_branch_what_was_not_committed(house: House) -> None:
    hidden = "git config status.showUntrackedFiles no"
    one = await house.finished_task(f"{hidden}; echo mine >kept.txt", title="Half done")
    branch = (await house.owner.data(f"task/{one.ids['task_id']}"))["branch"]

    task = await _ended(house, "task.archive", one.ids["task_id"], "archived")
    two = await house.finished_task("git log -1 --format='%s, %an'; cat kept.txt", on_branch=branch)

    transcript = await house.owner.data(f"transcript/{two.ids['session_id']}")
    [archive] = [job for job in task["jobs"] if job["kind"] == "task_archive"]
    assert archive["stages"][1]["id"] == "work_committed"
    assert "Half done, Foundry agent\nmine\n" in "".join(
        entry.get("text") or "" for entry in transcript["entries"]
    )


@pytest.mark.parametrize(
    ("left", "kept_on"),
    [
        ("git checkout --quiet -b elsewhere; echo mine >kept.txt", "elsewhere"),
        (
            "git checkout --quiet -b elsewhere; echo mine >kept.txt; git add .; git commit --quiet -m one",
            "elsewhere",
        ),
        (
            "echo mine >kept.txt; git add .; git commit --quiet -m one; git branch -m elsewhere",
            "elsewhere",
        ),
        (
            "echo mine >kept.txt; git add .; git commit --quiet -m one; git checkout --quiet -b old HEAD~1",
            "{branch}",
        ),
        ("git checkout --quiet -b main origin/main; echo mine >kept.txt", "{branch}-{commit}"),
        ("git checkout --quiet --detach; echo mine >kept.txt", "{branch}-{commit}"),
        (
            "git checkout --quiet --detach; echo mine >kept.txt; git add .; git commit --quiet -m one",
            "{branch}-{commit}",
        ),
        (
            "branch=$(git branch --show-current); echo one >kept.txt; git add .; git commit --quiet -m one;"
            ' git checkout --quiet --detach; echo two >kept.txt; git commit --quiet -am two; git checkout --quiet "$branch";'
            ' echo three >kept.txt; git commit --quiet -am three; git checkout --quiet -; git rebase --quiet "$branch";'
            " echo mine >kept.txt",
            "{branch}-{commit}",
        ),
        (
            "git checkout --quiet --orphan elsewhere; echo mine >kept.txt; git add .; git commit --quiet -m one",
            "elsewhere",
        ),
        (
            "echo mine >kept.txt; for one in index HEAD refs/heads/$(git branch --show-current);"
            ' do touch "$(git rev-parse --git-path $one.lock)"; done',
            "{branch}",
        ),
    ],
    ids=[
        "another branch",
        "commits on another branch",
        "a branch by another name",
        "an older commit",
        "the default branch",
        "no branch",
        "commits on none",
        "within a rebase",
        "commits on another branch that began elsewhere",
        "a killed git",
    ],
)
async def test_an_archive_keeps_the_work_wherever_the_agent_stood(
    house: House, left: str, kept_on: str
) -> None:
    """Nobody can ask the agent any more to check out the branch of the task."""
    one = await house.finished_task(left)
    before = await house.owner.data(f"task/{one.ids['task_id']}")

    after = await _ended(house, "task.archive", one.ids["task_id"], "archived")
    two = await house.finished_task(
        "git rev-parse HEAD | cut -c1-8; cat kept.txt", on_branch=after["branch"]
    )

    transcript = await house.owner.data(f"transcript/{two.ids['session_id']}")
    said = [
        entry["text"] for entry in transcript["entries"] if entry["kind"] == "agent_message_chunk"
    ]
    commit, kept = "".join(said).split()
    assert kept == "mine"
    assert after["branch"] == kept_on.format(branch=before["branch"], commit=commit)


@pytest.mark.parametrize(
    "left",
    [
        "rm .git; git init --quiet; echo mine >kept.txt; git add .; git commit --quiet -m one",
        # A clone knows the base, and has a branch of the same name.
        "remote=$(git config remote.origin.url); branch=$(git branch --show-current); rm .git;"
        'git clone --quiet --no-checkout "$remote" clone; mv clone/.git .; rmdir clone;'
        'git branch -m "$branch"; echo mine >kept.txt',
    ],
    ids=["in another repository", "in a clone"],
)
async def test_work_that_cannot_be_kept_is_thrown_away_by_a_kill_only(
    house: House, left: str
) -> None:
    created = await house.finished_task(left)
    topic = f"task/{created.ids['task_id']}"

    await house.owner.command("task.archive", task_id=created.ids["task_id"])
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(topic, lambda data: data["issues"], PROVISIONED_WITHIN)
    kept = Path(task["sandboxes"][0]["path"]) / "kept.txt"

    [issue] = task["issues"]
    assert (issue["code"], issue["stage"]) == ("branch_left", "work_committed")
    assert "task.kill throws it away" in issue["message"]
    assert kept.read_text() == "mine\n"

    task = await _ended(house, "task.kill", created.ids["task_id"], "killed")

    assert not kept.exists()
    assert all(one["resolved_at"] for one in task["issues"])


async def test_a_working_tree_that_is_gone_is_told_and_the_task_is_archived(house: House) -> None:
    created = await house.finished_task('rm -rf "$PWD"')
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(topic, lambda data: data["issues"], PROVISIONED_WITHIN)
    assert [issue["code"] for issue in task["issues"]] == ["sandbox_gone"]

    task = await _ended(house, "task.archive", created.ids["task_id"], "archived")

    assert all(issue["resolved_at"] for issue in task["issues"])


async def test_a_task_is_killed_while_it_is_provisioned(house: House) -> None:
    created = await house.create_task("sleep 100")

    await house.owner.command("task.kill", task_id=created.ids["task_id"])

    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda task: task["status"] == "killed", PROVISIONED_WITHIN
        )
    assert all(not Path(one["path"]).exists() for one in task["sandboxes"])


async def test_a_task_that_waits_for_the_agents_of_others_is_killed_at_once(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_MAX_AGENTS="1", FOUNDRY_STAGE_SECONDS="10")
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    waiting = await house.finished_task("true")
    at_work = await house.create_task("echo started; sleep 15; echo done")
    await _started(house, at_work)
    new = await house.create_task("true")
    ids = {name: waiting.ids[name] for name in ("task_id", "session_id")}
    await house.owner.command("agent_session.send", **ids, text="echo more")

    await house.owner.command("task.kill", task_id=ids["task_id"])

    topic = f"task/{ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda task: task["status"] == "killed", within=20)
    # Longer than its stage may take it waits, and is none the worse for it.
    topic = f"task/{new.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda task: task["status"] in ("idle", "error"), PROVISIONED_WITHIN
        )
    stages = {one["id"]: one["attempt"] for one in task["jobs"][0]["stages"]}
    assert (task["status"], stages["agent_started"]) == ("idle", 1)


async def test_a_task_whose_preparation_was_retried_and_waits_for_the_agents_of_others_is_killed_at_once(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_MAX_AGENTS="1")
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    await _started(house, await house.create_task("echo started; sleep 600"))
    failing = await house.create_task("true", on_branch="later")
    topic = f"task/{failing.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda task: task["issues"], PROVISIONED_WITHIN)
        git_repository.git("branch", "later")
        await house.owner.command("job.retry", job_id=failing.ids["job_id"])
        await stream.until_data(
            topic, lambda task: task["jobs"][0]["stage"] == "agent_started", PROVISIONED_WITHIN
        )

    task = await _ended(house, "task.kill", failing.ids["task_id"], "killed")

    assert {job["kind"]: job["status"] for job in task["jobs"]}["task_provision"] == "cancelled"


async def test_killing_twice_is_killing_once(house: House) -> None:
    created = await house.create_task()

    one = await house.owner.command("task.kill", task_id=created.ids["task_id"])
    two = await house.owner.command("task.kill", task_id=created.ids["task_id"])

    assert one.events
    assert two.events == []
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda task: task["status"] == "killed", PROVISIONED_WITHIN)


async def test_a_repository_with_running_tasks_stays(house: House) -> None:
    await house.create_task("true")

    refused = await house.owner.refused("repository.remove", repository_id=house.repository_id)

    assert refused["status"] == 422


async def _ended(house: House, command: str, task_id: str, status: str) -> Any:
    """The task, once it is put away by that command."""
    await house.owner.command(command, task_id=task_id)
    topic = f"task/{task_id}"
    async with house.owner.stream(topic) as stream:
        return await stream.until_data(
            topic, lambda task: task["status"] == status, PROVISIONED_WITHIN
        )


async def _started(house: House, created: Accepted) -> Any:
    """The task, once its script said that it started."""
    task, transcript = f"task/{created.ids['task_id']}", f"transcript/{created.ids['session_id']}"
    async with house.owner.stream(task, transcript) as stream:
        await stream.until_data(
            transcript,
            lambda data: any(
                "started" in (entry.get("text") or "") for entry in data["entries"][1:]
            ),
            PROVISIONED_WITHIN,
        )
        await stream.until_data(
            task, lambda data: data["sessions"][0]["status"] == "running", PROVISIONED_WITHIN
        )
        return stream.held[task].data
