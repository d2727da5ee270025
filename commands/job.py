"""A job as people may rule it: stop it, or take it up again where it failed or was stopped."""

from typing import TypeAlias, assert_never

from commands.command import ForJob
from commands.context import Context
from commands.decider import ABSENT, Absent, Decider
from commands.job_evolve import evolve
from commands.job_state import Job, JobState
from commands.organization_state import Organization
from commands.owners import job_owners
from commands.refusals import no_such
from commands.task_state import Task
from commands.task_work import check_no_turn
from events.commit import Event
from events.job import (
    TASK_ARCHIVE,
    TASK_KILL,
    TASK_MERGE,
    TASK_PUSH,
    TASK_RENAME_BRANCH,
    JobCancelRequested,
    JobRetryRequested,
)
from runtime.errors import Rejected

# --- Commands ---


class CancelJob(ForJob, frozen=True, kw_only=True):
    pass


class RetryJob(ForJob, frozen=True, kw_only=True):
    pass


JobCommand: TypeAlias = CancelJob | RetryJob

# --- Rules ---

_ON_A_STILL_BRANCH = (TASK_PUSH, TASK_MERGE, TASK_RENAME_BRANCH)
"""Kinds of jobs that are refused during a turn."""


def _cancel(job: Job) -> list[Event]:
    if job.cancel_requested or job.status == "cancelled":
        return []
    if not job.open:
        raise Rejected(
            f"The job has {job.status} already; there is nothing to cancel.", code="job_ended"
        )
    return [JobCancelRequested(**job_owners(job))]


def _retry(job: Job, context: Context) -> list[Event]:
    match job.status:
        case "queued" | "running" | "retrying":
            return []
        case "failed" | "cancelled" if context.task and _comes_too_late(job, context.task):
            raise Rejected(
                "The task is archived or killed, or about to be; nothing else is done for it.",
                code="task_over",
            )
        case "failed" | "cancelled" if _repository_is_gone(job, context.organization):
            raise Rejected(
                "The repository was removed from its organization; add it again, and it is read anew."
            )
        case "failed" | "cancelled" if context.newer_job is not None:
            raise Rejected(
                f"The job {context.newer_job} was begun after this one to do the same; look there.",
                code="job_superseded",
            )
        case "failed" | "cancelled":
            if context.task and job.kind in _ON_A_STILL_BRANCH:
                check_no_turn(context.task)
            return [JobRetryRequested(**job_owners(job))]
        case "succeeded":
            raise Rejected(
                "The job has succeeded; only one that failed or was cancelled can be taken up again.",
                code="job_ended",
            )
        case _:
            assert_never(job.status)


def _comes_too_late(job: Job, task: Task) -> bool:
    """Whether the task of a job is put away, or is being put away by another."""
    putting_away = {"archiving": TASK_ARCHIVE, "killing": TASK_KILL}
    return task.over and job.kind != putting_away.get(task.status)


def _repository_is_gone(job: Job, organization: Organization | None) -> bool:
    """Whether a job is for a repository that was removed. Tasks outlive theirs, and so do their jobs."""
    if job.task_id is not None or job.repository_id is None or organization is None:
        return False
    return job.repository_id not in organization.repositories


# --- Decider ---


def decide(state: JobState, command: JobCommand, context: Context) -> list[Event]:
    if isinstance(state, Absent):
        raise no_such("job")
    match command:
        case CancelJob():
            return _cancel(state)
        case RetryJob():
            return _retry(state, context)
        case _:
            assert_never(command)


JOB: Decider[JobState, JobCommand] = Decider(
    name="job", initial=ABSENT, shape=Job, evolve=evolve, decide=decide
)
