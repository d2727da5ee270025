"""What a job says in the history of the task it works for."""

import secrets
from collections.abc import Callable

from commands.task import TASK
from commands.task_reports import issue_raised
from commands.task_state import TaskState
from events.ids import IssueId, derive_id
from events.task import TaskEvent
from workflows.job_kind import JobContext, StageFailure
from workflows.steady_reports import SteadyReports


async def tell_task(
    reports: SteadyReports,
    job: JobContext,
    what: str,
    decide: Callable[[TaskState], list[TaskEvent]],
) -> None:
    """Report what `decide` makes of the task as it is now: nothing, where all is said already.

    The report's id is fresh each time: a retried job says the same again.
    """
    await reports.report(
        TASK,
        job.task,
        decide,
        report_id=f"{job.job_id}/{what}/{secrets.token_hex(6)}",
        correlation_id=job.correlation_id,
    )


async def raise_issue(
    reports: SteadyReports, job: JobContext, stage: str, failure: StageFailure
) -> None:
    """Raise an issue that says what is in the way, and offers the retry."""
    issue_id = IssueId(derive_id("iss", job.job_id, stage))
    await tell_task(
        reports,
        job,
        f"failed/{stage}",
        lambda now: issue_raised(
            now,
            issue_id=issue_id,
            code=failure.code,
            message=failure.message,
            stage=stage,
            retry_job_id=job.job_id,
        ),
    )
