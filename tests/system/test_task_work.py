"""The work of a task leaves its sandbox: pushed, merged, its branch renamed, a file reverted, a stack restacked."""

from typing import Any

import pytest

from tests.system.git_repository import GitRepository
from tests.system.people import House, turn_is_over

WITHIN = 60.0

MINE = "printf 'one\\ntwo\\nmine\\n' >word.txt; echo 1 >'n ü'"


async def ended_job(house: House, job_id: str) -> Any:
    """The job's view at its end."""
    topic = f"job/{job_id}"
    async with house.owner.stream(topic) as stream:
        return await stream.until_data(
            topic, lambda job: job["status"] in ("succeeded", "failed", "cancelled"), WITHIN
        )


async def do(house: House, command: str, **fields: str) -> Any:
    """Give a command that is a job; the job's view at its end."""
    accepted = await house.owner.command(command, **fields)
    assert accepted.events == ["job_announced"]
    return await ended_job(house, accepted.ids["job_id"])


def told(job: Any) -> str:
    """What the failed stage says."""
    [message] = [stage["message"] for stage in job["stages"] if stage["status"] == "failed"]
    return str(message)


def free(repository: GitRepository) -> None:
    """Nobody has the default branch checked out, so it can be pushed to."""
    repository.git("checkout", "--quiet", "--detach")


async def test_the_longest_prompts_run_like_any_other(house: House) -> None:
    """Many at once: storing their content goes on while their turns end."""
    prompt = "true #" + "x" * (256 * 1024 - 6)

    created = [await house.create_task(prompt) for _ in range(4)]

    for task in created:
        topic = f"task/{task.ids['task_id']}"
        async with house.owner.stream(topic) as stream:
            await stream.until_data(topic, turn_is_over, WITHIN)


async def test_a_push_takes_all_of_the_work_and_the_branch_is_seen(
    house: House, git_repository: GitRepository
) -> None:
    task_id = (await house.finished_task(MINE, title="Mend it")).ids["task_id"]
    branch = (await house.owner.data(f"task/{task_id}"))["branch"]
    topic = f"repository/{house.repository_id}"

    async with house.owner.stream(topic) as stream:
        job = await do(house, "task.push", task_id=task_id)
        repository = await stream.until_data(
            topic, lambda data: branch in [one["id"] for one in data["branches"]], WITHIN
        )

    assert job["status"] == "succeeded"
    assert {stage["id"]: stage["status"] for stage in job["stages"]} == dict.fromkeys(
        ("work_committed", "pushed", "remote_read", "settled"), "succeeded"
    )
    seen = next(one for one in repository["branches"] if one["id"] == branch)
    assert (seen["task_id"], seen["ahead"], seen["behind"], seen["conflicts"]) == (
        *(task_id, 1, 0, False),
    )
    assert seen["sha"] == git_repository.git("rev-parse", branch)
    assert git_repository.git("show", f"{branch}:n ü") == "1"
    assert git_repository.git("log", "-1", "--format=%s", branch) == "Mend it"


async def test_a_merge_that_conflicts_raises_an_issue_whose_retry_succeeds_once_mended(
    house: House, git_repository: GitRepository
) -> None:
    task_id = (await house.finished_task(MINE)).ids["task_id"]
    free(git_repository)
    theirs = _commit_to_main(git_repository, "one\ntwo\ntheirs\n")
    topic = f"task/{task_id}"

    job = await do(house, "task.merge", task_id=task_id)
    task = await house.owner.data(topic)
    tip = git_repository.git("rev-parse", "main")

    assert job["status"] == "failed"
    [issue] = [one for one in task["issues"] if one["resolved_at"] is None]
    assert (issue["code"], issue["stage"]) == ("merge_conflict", "merged")
    assert issue["retry_job_id"] == job["id"]
    assert "word.txt" in issue["message"]
    assert (tip, task["status"]) == (theirs, "idle")

    await _say(
        house,
        task,
        "git merge --quiet -X ours origin/main || { git fetch --quiet origin && git merge --quiet -X ours origin/main; }",
    )
    await house.owner.command("job.retry", job_id=job["id"])
    async with house.owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda data: all(one["resolved_at"] for one in data["issues"]), WITHIN
        )

    assert git_repository.git("show", "main:word.txt") == "one\ntwo\nmine"


@pytest.mark.parametrize("command", ["task.push", "task.merge"])
async def test_conflicts_that_nobody_resolved_are_not_published(
    house: House, git_repository: GitRepository, command: str
) -> None:
    free(git_repository)
    created = await house.finished_task(
        "echo mine >word.txt; git commit -qam Mine; git checkout -qb other origin/main;"
        " echo theirs >word.txt; git commit -qam Theirs; git checkout -q -; git merge other"
    )
    task_id = created.ids["task_id"]
    topic = f"task/{task_id}"
    before = git_repository.git("for-each-ref")

    job = await do(house, command, task_id=task_id)
    task = await house.owner.data(topic)
    refs = git_repository.git("for-each-ref")

    assert (job["status"], refs) == ("failed", before)
    [issue] = [one for one in task["issues"] if one["resolved_at"] is None]
    assert (issue["code"], "conflicts in word.txt" in issue["message"]) == ("merge_conflict", True)

    await _say(house, task, "echo both >word.txt; git add word.txt")
    await house.owner.command("job.retry", job_id=job["id"])
    async with house.owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda data: all(one["resolved_at"] for one in data["issues"]), WITHIN
        )
    where = "main" if command == "task.merge" else task["branch"]
    assert git_repository.git("show", f"{where}:word.txt") == "both"


async def test_a_file_is_reverted_and_the_views_follow(house: House) -> None:
    task_id = (await house.finished_task(MINE)).ids["task_id"]
    topic = f"files/{task_id}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda data: len(data["files"]) == 2, WITHIN)

        for path in ("word.txt", "n ü"):
            assert (await do(house, "task.revert_file", task_id=task_id, path=path))[
                "status"
            ] == "succeeded"
        await stream.until_data(topic, lambda data: data["files"] == [], WITHIN)

    missing = await do(house, "task.revert_file", task_id=task_id, path="never")
    assert missing["status"] == "failed"
    assert "never" in told(missing)


async def test_a_renamed_branch_is_shown_and_pushed_under_its_new_name(
    house: House, git_repository: GitRepository
) -> None:
    task_id = (await house.finished_task(MINE)).ids["task_id"]

    renamed = await do(house, "task.rename_branch", task_id=task_id, branch="better/ü")
    taken = await do(house, "task.rename_branch", task_id=task_id, branch="main")
    again = await house.owner.command("task.rename_branch", task_id=task_id, branch="better/ü")
    await do(house, "task.push", task_id=task_id)

    assert (again.events, again.ids) == ([], {"task_id": task_id})
    assert (renamed["status"], taken["status"]) == ("succeeded", "failed")
    assert (await house.owner.data(f"task/{task_id}"))["branch"] == "better/ü"
    assert git_repository.git("show", "better/ü:n ü") == "1"


async def test_a_stack_of_three_branches_is_restacked_live(
    house: House, git_repository: GitRepository
) -> None:
    for name, below in (("one", "main"), ("two", "one"), ("three", "two")):
        git_repository.git("checkout", "--quiet", "-b", name, below)
        (git_repository.path / name).write_text("1\n")
        git_repository.git("add", "--all")
        git_repository.git("commit", "--quiet", "-m", name)
    free(git_repository)
    act = {"repository_id": house.repository_id}
    for name, below in (("one", "main"), ("two", "one"), ("three", "two")):
        job = await do(
            house, "repository.act", **act, action="reparent_branch", branch=name, parent=below
        )
        assert job["status"] == "succeeded"
    newest = _commit_to_main(git_repository, "one\ntwo\nnews\n")
    topic = f"repository/{house.repository_id}"

    async with house.owner.stream(topic) as stream:
        job = await do(house, "repository.act", **act, action="restack_repo")
        await stream.until_data(
            topic,
            lambda data: (
                {
                    one["id"]: (one["parent"], one["ahead"], one["behind"], one["conflicts"])
                    for one in data["branches"]
                }
                == {
                    "main": (None, 0, 0, False),
                    "one": ("main", 1, 0, False),
                    "two": ("one", 2, 0, False),
                    "three": ("two", 3, 0, False),
                }
            ),
            WITHIN,
        )

    assert job["status"] == "succeeded"
    assert git_repository.git("merge-base", "main", "three") == newest

    (git_repository.path / "two").unlink(missing_ok=True)
    _commit_to_main(git_repository, "x\n", name="two")
    before = git_repository.git("rev-parse", "two")
    job = await do(house, "repository.act", **act, action="restack_repo")

    assert job["status"] == "failed"
    assert "conflicts in two" in told(job)
    assert git_repository.git("rev-parse", "two") == before


async def test_what_is_stacked_on_a_branch_stays_on_it_when_that_is_renamed(
    house: House, git_repository: GitRepository
) -> None:
    lower = (await house.finished_task(MINE, branch="lower")).ids["task_id"]
    await do(house, "task.push", task_id=lower)
    upper = await house.finished_task(
        "git merge --quiet lower; echo 2 >upper; git add .; git commit --quiet -m upper",
        branch="upper",
    )
    act = {"repository_id": house.repository_id}
    for name, below in (("lower", "main"), ("upper", "lower")):
        await do(
            house, "repository.act", **act, action="reparent_branch", branch=name, parent=below
        )
    git_repository.git("branch", "-D", "lower")

    await do(house, "task.rename_branch", task_id=lower, branch="better")
    _commit_to_main(git_repository, "theirs\n", name="news")
    job = await do(house, "repository.act", **act, action="restack_repo")
    await do(house, "task.push", task_id=upper.ids["task_id"])

    assert job["status"] == "succeeded"
    names = git_repository.git("ls-tree", "--name-only", "-z", "upper").split("\0")
    assert {"n ü", "news", "upper"} <= set(names)


def _commit_to_main(repository: GitRepository, text: str, name: str = "word.txt") -> str:
    repository.git("checkout", "--quiet", "main")
    (repository.path / name).write_text(text)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", "theirs")
    free(repository)
    return repository.git("rev-parse", "main")


async def _say(house: House, task: Any, text: str) -> None:
    """Send a message and wait for the end of its turn."""
    topic = f"task/{task['id']}"
    session = task["sessions"][0]
    async with house.owner.stream(topic) as stream:
        await stream.until_ready()
        await house.owner.command(
            "agent_session.send", task_id=task["id"], session_id=session["id"], text=text
        )
        await stream.until_data(
            topic,
            lambda data: (
                data["sessions"][0]["transcript_version"] != session["transcript_version"]
                and data["status"] == "idle"
            ),
            WITHIN,
        )


async def test_the_work_of_a_task_leaves_it_also_when_the_repository_was_removed(
    house: House, git_repository: GitRepository
) -> None:
    """The task stays when its repository leaves the organization's list."""
    task_id = (await house.finished_task(MINE)).ids["task_id"]
    free(git_repository)
    await house.owner.command("repository.remove", repository_id=house.repository_id)

    pushed = await do(house, "task.push", task_id=task_id)
    merged = await do(house, "task.merge", task_id=task_id)

    assert (pushed["status"], merged["status"]) == ("succeeded", "succeeded")
    assert git_repository.git("show", "main:n ü") == "1"
