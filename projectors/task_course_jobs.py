"""What the jobs of a task do to its course: its beginning and its end get on, fail, and are taken up again."""

from msgspec.structs import replace

from events.ids import Timestamp
from events.job import (
    TASK_ARCHIVE,
    TASK_KILL,
    TASK_PROVISION,
    JobAnnounced,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobRetryRequested,
    JobStarted,
    StageStarted,
)
from projectors.task_course import Course, Failure, Phase

_WAITED_FOR: dict[str, tuple[Phase, ...]] = {
    TASK_PROVISION: ("queued", "provisioning"),
    TASK_ARCHIVE: ("archiving",),
    TASK_KILL: ("killing",),
}
"""The phases in which a task waits for a job of a kind."""

_CANCELLED = {
    TASK_PROVISION: "The preparation of the task was cancelled.",
    TASK_ARCHIVE: "Putting the sandbox away was cancelled; retry the job, or archive the task again.",
    TASK_KILL: "Destroying the sandbox was cancelled; retry the job, or kill the task again.",
}


def course_after_job(course: Course, event: JobAnnounced | JobEvent, at: Timestamp) -> Course:
    """The course after something happened to one of the task's jobs."""
    provisions = event.kind == TASK_PROVISION
    waited_for = course.phase in _WAITED_FOR.get(event.kind, ())
    match event:
        case JobStarted() if provisions and course.phase == "queued":
            changed = replace(course, phase="provisioning")
        case StageStarted(stage=stage) if provisions:
            changed = replace(course, stage=stage)
        case JobAnnounced() if waited_for:
            changed = replace(course, failure=None)
        case JobCancelled(job_id=job_id) if waited_for:
            failure = Failure(job_id=job_id, message=_CANCELLED[event.kind])
            changed = replace(course, failure=failure)
        # The task says it itself the first time only: a retry fails in the job's own history.
        case JobFailed(job_id=job_id, message=message) if waited_for:
            changed = replace(course, failure=Failure(job_id=job_id, message=message))
        case JobRetryRequested(job_id=job_id) if course.failure and job_id == course.failure.job_id:
            changed = replace(course, failure=None)
        case _:
            # All else shows in the job's own row; the task's status does not depend on it.
            return course
    return replace(changed, updated_at=at) if changed != course else course
