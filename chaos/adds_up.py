"""What has to hold of a task once nothing works on it any more, whatever commands it was given, in whatever order.

Asked of what the views show, by code that knows nothing of deciders and projectors.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPEN = ("queued", "running", "retrying")
OVER = ("archived", "killed")


@dataclass
class Accepted:
    """What was accepted about one task; `said` is every command with its answer, for whoever reads a finding."""

    task_id: str
    sent: dict[str, str] = field(default_factory=dict)
    """Session by message."""
    cancelled: set[str] = field(default_factory=set)
    resolved: set[str] = field(default_factory=set)
    """Issues that somebody put aside."""
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """The `data` of a task's views, and the entries of each session's transcript."""

    task: Any
    files: Any
    processes: Sequence[Any]
    entries: Mapping[str, Sequence[Any]]


def at_work(task: Any, files: Any) -> bool:
    """Whether something may still change by itself."""
    return (
        task["status"] in ("queued", "provisioning", "running")
        or files["status"] in ("queued", "running")
        or any(job["status"] in OPEN for job in task["jobs"])
    )


def contradictions(accepted: Accepted, shown: Shown) -> Iterator[str]:
    """A sentence for each thing that does not add up in a task of which nothing is at work any more."""
    yield from _of_work_that_goes_on(shown)
    yield from _of_issues(accepted, shown.task)
    yield from _of_messages(accepted, shown)
    if shown.task["status"] in OVER:
        yield from _of_what_is_over(shown)


def _of_work_that_goes_on(shown: Shown) -> Iterator[str]:
    if at_work(shown.task, shown.files):
        yield f"the task is {shown.task['status']} and its files {shown.files['status']} for ever"
    for job in shown.task["jobs"]:
        if job["status"] not in OPEN and any(one["status"] == "running" for one in job["stages"]):
            yield f"a stage of {job['kind']} runs, and the job is {job['status']}"


def _of_issues(accepted: Accepted, task: Any) -> Iterator[str]:
    open_issues = [issue for issue in task["issues"] if issue["resolved_at"] is None]
    jobs = {job["id"]: job for job in task["jobs"]}
    of_jobs = Counter(issue["retry_job_id"] for issue in open_issues if issue["retry_job_id"])
    for job_id, count in of_jobs.items():
        if count > 1:
            codes = [one["code"] for one in open_issues if one["retry_job_id"] == job_id]
            yield f"{job_id} has several open issues: {', '.join(codes)}"
        if job_id in jobs and jobs[job_id]["status"] == "succeeded":
            yield f"{job_id} succeeded, and its issue is open"
    if open_issues or accepted.resolved:
        return
    if task["status"] in ("archiving", "killing"):
        yield f"the task is {task['status']}, nothing is done about it, and no issue says why"
    if task["status"] == "error" and all(one["status"] != "error" for one in task["sessions"]):
        yield "the task is in error, and neither an issue nor a session says why"


def _of_messages(accepted: Accepted, shown: Shown) -> Iterator[str]:
    idle = shown.task["status"] == "idle"
    for session in shown.task["sessions"]:
        id = session["id"]
        # Where no agent can be had, messages wait for the one that comes after the next of them.
        waits = not idle or session["status"] in ("closed", "error")
        told = [one["message_id"] for one in shown.entries[id] if one["sender"] == "user"]
        sent = {message for message, where in accepted.sent.items() if where == id}
        yield from (
            f"{one} was delivered twice" for one, count in Counter(told).items() if count > 1
        )
        yield from (f"{one} was cancelled and delivered" for one in accepted.cancelled & set(told))
        yield from (f"{one} was delivered and never sent" for one in set(told) - sent)
        if not waits:
            lost = sent - accepted.cancelled - set(told)
            yield from (f"{one} was accepted and never delivered" for one in lost)


def _of_what_is_over(shown: Shown) -> Iterator[str]:
    task = shown.task
    if any(issue["resolved_at"] is None for issue in task["issues"]):
        yield f"the task is {task['status']}, and an issue is open"
    if any(sandbox["status"] != "released" for sandbox in task["sandboxes"]):
        yield f"the task is {task['status']} and has a sandbox"
    if any(session["status"] != "closed" for session in task["sessions"]):
        yield f"the task is {task['status']} and has a session"
    if any(process["status"] != "exited" for process in shown.processes):
        yield f"the task is {task['status']} and has a process"
