"""Facts about a job: a durable background workflow with stages.

Another aggregate's commit *announces* a job; the worker that takes it opens the job's own history.
"""

from msgspec import field

from events.fact import Fact
from events.ids import JobId, OrganizationId, RepositoryId, TaskId, Timestamp

ORGANIZATION_SYNC = "organization_sync"
REPOSITORY_SYNC = "repository_sync"
REPOSITORY_RESTACK = "repository_restack"
SUBTREE_RESTACK = "subtree_restack"
BRANCH_REBASE = "branch_rebase"
BRANCH_REPARENT = "branch_reparent"
TASK_PROVISION = "task_provision"
TASK_PUSH = "task_push"
TASK_MERGE = "task_merge"
TASK_REVERT_FILE = "task_revert_file"
TASK_RENAME_BRANCH = "task_rename_branch"
TASK_ARCHIVE = "task_archive"
TASK_KILL = "task_kill"
"""The kinds of jobs, as they are stored."""


class JobFact(Fact, frozen=True, kw_only=True):
    """The owners of the job stand in each of its facts, so that no reader has to look them up."""

    job_id: JobId
    kind: str
    organization_id: OrganizationId
    repository_id: RepositoryId | None = None
    task_id: TaskId | None = None


class JobAnnounced(JobFact, frozen=True, kw_only=True, tag="job_announced"):
    """Stands in the history of the task, repository or organization the job is for."""

    input: dict[str, str] = field(default_factory=dict)


class JobOpened(JobFact, frozen=True, kw_only=True, tag="job_opened"):
    """The first fact of the job's own history; `announced_at` is when the announcement was committed."""

    stages: tuple[str, ...]
    announced_at: Timestamp
    input: dict[str, str] = field(default_factory=dict)


class JobStarted(JobFact, frozen=True, kw_only=True, tag="job_started"):
    """A worker took the job. Whoever appends under an older start is fenced off by the position."""

    worker: str
    host: str


class StageStarted(JobFact, frozen=True, kw_only=True, tag="stage_started"):
    stage: str
    attempt: int


class StageSucceeded(JobFact, frozen=True, kw_only=True, tag="stage_succeeded"):
    """`result` is what later stages need; it is never computed again."""

    stage: str
    attempt: int
    result: dict[str, str] = field(default_factory=dict)


class StageFailed(JobFact, frozen=True, kw_only=True, tag="stage_failed"):
    """`retry_at` is set while the retry policy allows another attempt."""

    stage: str
    attempt: int
    message: str
    retry_at: Timestamp | None = None


class JobSucceeded(JobFact, frozen=True, kw_only=True, tag="job_succeeded"):
    pass


class JobFailed(JobFact, frozen=True, kw_only=True, tag="job_failed"):
    stage: str
    message: str


class JobCancelRequested(JobFact, frozen=True, kw_only=True, tag="job_cancel_requested"):
    pass


class JobCancelled(JobFact, frozen=True, kw_only=True, tag="job_cancelled"):
    pass


class JobRetryRequested(JobFact, frozen=True, kw_only=True, tag="job_retry_requested"):
    """The job goes on at its failed stage."""


JobEvent = (
    JobOpened
    | JobStarted
    | StageStarted
    | StageSucceeded
    | StageFailed
    | JobSucceeded
    | JobFailed
    | JobCancelRequested
    | JobCancelled
    | JobRetryRequested
)
