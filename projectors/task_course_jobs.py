"""What the jobs of a task do to its course: provisioning and its end begin, get on, fail, and are taken up again."""

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
from projectors.task_course import Course, Failure

PUTS_AWAY = {"archiving": TASK_ARCHIVE, "killing": TASK_KILL}


def course_after_job(course: Course, event: JobAnnounced | JobEvent, at: Timestamp) -> Course:
    """The course after something happened to one of the task's jobs."""
    provisions = event.kind == TASK_PROVISION
    puts_away = event.kind == PUTS_AWAY.get(course.phase)
    unprovisioned = course.phase in ("queued", "provisioning")
    match event:
        case JobStarted() if provisions and course.phase == "queued":
            changed = replace(course, phase="provisioning")
        case StageStarted(stage=stage) if provisions:
            changed = replace(course, stage=stage)
        case JobCancelled(job_id=job_id) if provisions and unprovisioned:
            failure = Failure(job_id=job_id, message="The preparation of the task was cancelled.")
            changed = replace(course, failure=failure)
        # The task says it itself the first time only: a retry fails in the job's own history.
        case JobFailed(job_id=job_id, message=message) if provisions and unprovisioned:
            changed = replace(course, failure=Failure(job_id=job_id, message=message))
        case JobRetryRequested(job_id=job_id) if course.failure and job_id == course.failure.job_id:
            changed = replace(course, failure=None)
        # A task is not left half put away: it stays what it is, and says what is in the way.
        case JobFailed(message=message) if puts_away:
            changed = replace(course, halted=message)
        case JobCancelled() if puts_away:
            changed = replace(course, halted="Putting the task away was cancelled.")
        case JobAnnounced() | JobRetryRequested() if puts_away:
            changed = replace(course, halted=None)
        case _:
            # All else shows in the job's own row; the task's status does not depend on it.
            return course
    return replace(changed, updated_at=at) if changed != course else course
