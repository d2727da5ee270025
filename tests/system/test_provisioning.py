"""The first real job: from `task.create` to an agent that answers, on a real repository."""

from pathlib import Path
from typing import Any

from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISION_STAGES, PROVISIONED_WITHIN, House, turn_is_over


async def test_a_task_is_announced_at_once_and_provisioned_stage_by_stage(house: House) -> None:
    created = await house.create_task("echo hello; git branch --show-current", title="Say hello")
    task = f"task/{created.ids['task_id']}"
    transcript = f"transcript/{created.ids['session_id']}"

    async with house.owner.stream(task, transcript, house.workspace) as stream:
        done = await stream.until_data(task, turn_is_over, PROVISIONED_WITHIN)
        entries = (await house.owner.data(transcript, at_least=stream.held[task].version))[
            "entries"
        ]

    assert created.events == [
        *("task_created", "agent_session_created", "message_queued", "job_announced")
    ]
    assert done["status"] == "idle"
    (job,) = done["jobs"]
    assert (job["kind"], job["status"]) == ("task_provision", "succeeded")
    assert [(stage["id"], stage["status"]) for stage in job["stages"]] == [
        (stage, "succeeded") for stage in PROVISION_STAGES
    ]
    (sandbox,) = done["sandboxes"]
    assert sandbox["provider"] == "local"
    assert Path(sandbox["path"], "word.txt").exists()
    assert said(entries) == f"hello\n{done['branch']}\n"
    assert entries[0]["sender"] == "user"
    assert stream.about(task), "it could be watched"


async def test_a_task_is_idle_only_when_all_that_was_asked_is_done(house: House) -> None:
    created = await house.create_task("echo one")
    await house.owner.command(
        "agent_session.send",
        task_id=created.ids["task_id"],
        session_id=created.ids["session_id"],
        text="echo two",
    )
    topic = f"task/{created.ids['task_id']}"

    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda data: data["status"] == "idle", PROVISIONED_WITHIN
        )

    assert turn_is_over(task)
    said_by_then = await entries_of(house.owner, created.ids["session_id"])
    assert said(said_by_then) == "one\ntwo\n"


async def test_what_a_watcher_folds_of_a_whole_job_is_what_the_views_show(house: House) -> None:
    created = await house.create_task("echo hello > new.txt; rm word.txt; echo done")
    ids = created.ids
    task, files = f"task/{ids['task_id']}", f"files/{ids['task_id']}"
    topics = (
        *("app", house.workspace, f"repository/{house.repository_id}", task, files),
        *(f"processes/{ids['task_id']}", f"job/{ids['job_id']}"),
        f"transcript/{ids['session_id']}",
    )

    async with house.owner.stream(*topics) as stream:
        await stream.until_ready()
        await stream.until_data(task, turn_is_over, PROVISIONED_WITHIN)
        await stream.until_data(files, lambda data: len(data["files"]) == 2)

        await house.owner.agrees_with(stream)
        assert stream.held.keys() == set(topics)
        await house.owner.command("task.kill", task_id=ids["task_id"])
        await stream.until_data(task, lambda data: data["status"] == "killed", PROVISIONED_WITHIN)
        await house.owner.agrees_with(stream)


async def test_a_task_works_on_a_branch_that_is_there(
    house: House, git_repository: GitRepository
) -> None:
    git_repository.git("branch", "feature/x")

    created = await house.finished_task("git branch --show-current", on_branch="feature/x")

    task = await house.owner.data(f"task/{created.ids['task_id']}")
    assert (task["status"], task["branch"]) == ("idle", "feature/x")
    assert said(await entries_of(house.owner, created.ids["session_id"])) == "feature/x\n"


async def test_a_branch_that_exists_is_an_issue_that_a_retry_settles(
    house: House, git_repository: GitRepository
) -> None:
    git_repository.git("branch", "taken")
    created = await house.create_task("echo here", branch="taken")
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        failed = await stream.until_data(
            topic,
            lambda task: task["status"] == "error" and task["jobs"][0]["status"] == "failed",
            PROVISIONED_WITHIN,
        )
        (issue,) = failed["issues"]

        git_repository.git("branch", "-D", "taken")
        await house.owner.command("job.retry", job_id=issue["retry_job_id"])
        mended = await stream.until_data(
            topic,
            lambda task: task["status"] == "idle" and turn_is_over(task),
            PROVISIONED_WITHIN,
        )

    assert "taken" in issue["message"]
    assert issue["stage"] == "repository_prepared"
    assert mended["branch"] == "taken"
    attempts = {stage["id"]: stage["attempt"] for stage in mended["jobs"][0]["stages"]}
    assert attempts == {**dict.fromkeys(PROVISION_STAGES, 1), "repository_prepared": 2}
    assert mended["issues"][0]["resolved_at"]
    assert said(await entries_of(house.owner, created.ids["session_id"])) == "here\n"


async def test_a_retry_that_fails_again_is_an_error_again_with_an_open_issue(
    house: House, git_repository: GitRepository
) -> None:
    git_repository.git("branch", "taken")
    created = await house.create_task("true", branch="taken")
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        failed = await stream.until_data(
            topic, lambda task: task["jobs"][0]["status"] == "failed", PROVISIONED_WITHIN
        )
        (issue,) = failed["issues"]

        await house.owner.command(
            "issue.resolve", task_id=created.ids["task_id"], issue_id=issue["id"]
        )
        retried = await house.owner.command("job.retry", job_id=created.ids["job_id"])
        again = await stream.until_data(
            topic,
            lambda task: (
                stream.held[topic].version > retried.position
                and task["jobs"][0]["status"] == "failed"
            ),
            PROVISIONED_WITHIN,
        )

    assert again["status"] == "error"
    assert "taken" in again["status_message"]
    assert [one["resolved_at"] for one in again["issues"]] == [None]


async def test_a_repository_that_is_not_there_is_tried_again_until_the_job_is_cancelled(
    house: House, tmp_path: Path
) -> None:
    added = await house.owner.command(
        "repository.add",
        organization_id=house.organization_id,
        remote_url=str(tmp_path / "nothing"),
    )

    created = await house.owner.command(
        "task.create", repository_id=added.ids["repository_id"], prompt="true"
    )

    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda task: task["jobs"][0]["status"] == "retrying", PROVISIONED_WITHIN
        )
        await house.owner.command("job.cancel", job_id=created.ids["job_id"])
        cancelled = await stream.until_data(
            topic, lambda task: task["jobs"][0]["status"] == "cancelled", PROVISIONED_WITHIN
        )
    (stage,) = [one for one in task["jobs"][0]["stages"] if one["id"] == "repository_prepared"]
    assert "nothing" in stage["message"]
    assert cancelled["status"] == "error"


async def test_messages_sent_while_provisioning_are_delivered_in_order(house: House) -> None:
    created = await house.create_task("echo first")
    ids = {name: created.ids[name] for name in ("task_id", "session_id")}
    for word in ("second", "third", "fourth"):
        await house.owner.command("agent_session.send", **ids, text=f"echo {word}")

    topic = f"task/{ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)

    entries = await entries_of(house.owner, ids["session_id"])
    assert said(entries) == "first\nsecond\nthird\nfourth\n"
    users = [entry["text"] for entry in entries if entry["sender"] == "user"]
    assert users == ["echo first", "echo second", "echo third", "echo fourth"]


async def test_a_message_can_be_cancelled_while_it_waits(house: House) -> None:
    created = await house.create_task("sleep 2; echo first")
    ids = {name: created.ids[name] for name in ("task_id", "session_id")}
    unwanted = await house.owner.command("agent_session.send", **ids, text="echo unwanted")
    await house.owner.command("agent_session.send", **ids, text="echo last")

    await house.owner.command(
        "agent_session.cancel_message", **ids, message_id=unwanted.ids["message_id"]
    )

    topic = f"task/{ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
    assert said(await entries_of(house.owner, ids["session_id"])) == "first\nlast\n"


async def entries_of(client: Client, session_id: str) -> list[Any]:
    """The transcript as it is now."""
    entries: list[Any] = (await client.data(f"transcript/{session_id}"))["entries"]
    return entries


def said(entries: list[Any]) -> str:
    """What the agent said."""
    return "".join(entry["text"] for entry in entries if entry["sender"] == "agent")
