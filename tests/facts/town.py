"""Who and what there is in the tests: one organization, two people, one of everything else."""

from events.commit import CommandRef, Commit, Event
from events.ids import (
    IssueId,
    JobId,
    MessageId,
    OrganizationId,
    ProcessId,
    RepositoryId,
    SandboxId,
    SessionId,
    TaskId,
    Timestamp,
    UserId,
)

ANNA, BERT = UserId("usr_anna"), UserId("usr_bert")
ORGANIZATION = OrganizationId("org_1")
REPOSITORY = RepositoryId("repo_1")
TASK = TaskId("task_1")
SESSION = SessionId("ses_1")
MESSAGE = MessageId("msg_1")
SANDBOX = SandboxId("sbx_1")
PROCESS = ProcessId("proc_1")
ISSUE = IssueId("iss_1")
JOB = JobId("job_1")
SYNC_JOB = JobId("job_sync")

STAGES = (
    "name_ensured",
    "sandbox_allocated",
    "repository_prepared",
    "agent_installed",
    "agent_started",
    "session_created",
)
WORKER = "worker"


def commit(
    *events: Event, at: int = 1000, actor: str = ANNA, command_id: str | None = None
) -> Commit:
    return Commit(
        at=Timestamp(at),
        actor=actor,
        events=events,
        organization_id=getattr(events[0], "organization_id", None),
        command=CommandRef(id=command_id, name="some.command", digest="d") if command_id else None,
    )
