"""What happens to one task, commit by commit, in the order and the sizes of a real node's log."""

from collections.abc import Generator, Iterator
from random import Random
from typing import Any, NamedTuple

from events.agent_session import (
    AgentSessionCreated,
    AgentSessionReady,
    MessageDelivered,
    MessageQueued,
    TurnEnded,
)
from events.commit import Event
from events.ids import (
    JobId,
    MessageId,
    OrganizationId,
    Position,
    RepositoryId,
    SandboxId,
    SessionId,
    TaskId,
    Timestamp,
    UserId,
)
from events.job import (
    JobAnnounced,
    JobOpened,
    JobStarted,
    JobSucceeded,
    StageStarted,
    StageSucceeded,
)
from events.store import subject_of
from events.task import (
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    TaskArchived,
    TaskArchiveRequested,
    TaskCreated,
    TaskNamed,
    TaskProvisioned,
)
from events.task_files import ChangedFile, FilesCaptured, TreeChanged, TreeFile
from events.transcript import EntriesAppended, Entry

STAGES = (
    "name_ensured",
    "sandbox_allocated",
    "repository_prepared",
    "agent_installed",
    "agent_started",
    "session_created",
)
TURNS = (2, 20)
COMMITS_OF_A_TURN = (1, 12)
ENTRIES_OF_A_COMMIT = (1, 8)
WORDS = [
    "the",
    "login",
    "page",
    "fails",
    "when",
    "a",
    "session",
    "expires",
    "so",
    "look",
    "at",
    "the",
    "tokens",
    "first",
    "then",
    "mend",
    "its",
    "test",
]

WORKER = "worker"

Happened = tuple[str, str, tuple[Event, ...]]
"""Subject, actor, events."""


class Place(NamedTuple):
    """Where a task belongs, and who writes to it."""

    user: UserId
    organization_id: OrganizationId
    repository_id: RepositoryId


class Owners:
    """The ids that stand in each of the task's events."""

    def __init__(self, place: Place, task_id: TaskId) -> None:
        self.task_id = task_id
        self.organization_id = place.organization_id
        self.repository_id = place.repository_id


def course_of_task(place: Place, random: Random) -> Iterator[Happened]:
    """From its creation over its turns to the archive."""
    letters = f"{random.getrandbits(80):020x}"
    owners = Owners(place, TaskId(f"task_{letters}"))
    subject, own = subject_of("task", owners.task_id), vars(owners)
    session, prompt = SessionId(f"ses_{letters}"), _words(random, 5, 40)
    sandbox = SandboxId(f"sbx_{letters}")
    job_id = JobId(f"job_{letters}")
    of_job = {**own, "job_id": job_id, "kind": "task_provision"}
    message = MessageId(f"msg_{letters}")
    created = TaskCreated(
        **own,
        remote_url="https://example.com/town/project.git",
        title=_words(random, 3, 6),
        prompt=prompt,
        agent="shell",
        sandbox="local",
        permissions="ask",
    )
    begun = AgentSessionCreated(**own, session_id=session, name="Session 1", agent="shell")
    queued = MessageQueued(**own, session_id=session, message_id=message, text=prompt)
    yield subject, place.user, (created, begun, queued, JobAnnounced(**of_job))
    yield from _provision(owners, of_job, session, sandbox)
    said = yield from _turn(owners, session, message, 1, random)
    for number in range(random.randint(*TURNS)):
        message = MessageId(f"msg_{letters}_{number}")
        text = _words(random, 3, 60)
        queued = MessageQueued(**own, session_id=session, message_id=message, text=text)
        yield subject, place.user, (queued,)
        said = yield from _turn(owners, session, message, said, random)
    yield subject, place.user, (TaskArchiveRequested(**own),)
    yield subject, WORKER, (SandboxReleased(**own, sandbox_id=sandbox, branch_kept=True),)
    yield subject, WORKER, (TaskArchived(**own),)


def _provision(
    owners: Owners, of_job: dict[str, Any], session: SessionId, sandbox: SandboxId
) -> Iterator[Happened]:
    own, of_task = vars(owners), subject_of("task", owners.task_id)
    subject = subject_of("job", of_job["job_id"])
    opened = JobOpened(**of_job, stages=STAGES, announced_at=Timestamp(0))
    yield subject, WORKER, (opened, JobStarted(**of_job, worker="host-1/1", host="host-1"))
    yield subject, WORKER, (StageStarted(**of_job, stage=STAGES[0], attempt=1),)
    reports: dict[str, tuple[Event, ...]] = {
        "name_ensured": (TaskNamed(**own, branch=f"foundry/{owners.task_id}"),),
        "sandbox_allocated": (
            SandboxAllocated(
                **own,
                sandbox_id=sandbox,
                provider="local",
                host="host-1",
                path=f"/data/sandboxes/{owners.task_id}",
            ),
        ),
        "repository_prepared": (SandboxReady(**own, sandbox_id=sandbox, base=f"{1:040x}"),),
        "session_created": (
            AgentSessionReady(**own, session_id=session),
            TaskProvisioned(**own, job_id=of_job["job_id"]),
        ),
    }
    for stage, after in zip(STAGES, (*STAGES[1:], None), strict=True):
        if stage in reports:
            yield of_task, WORKER, reports[stage]
        done = StageSucceeded(**of_job, stage=stage, attempt=1, result={"id": owners.task_id})
        if after is not None:
            yield subject, WORKER, (done, StageStarted(**of_job, stage=after, attempt=1))
        else:
            yield subject, WORKER, (done, JobSucceeded(**of_job))


def _turn(
    owners: Owners, session: SessionId, message: MessageId, index: int, random: Random
) -> Generator[Happened, None, int]:
    """What is said and done between two words of the person; the index of the next entry."""
    own, subject = vars(owners), subject_of("task", owners.task_id)
    yield subject, WORKER, (MessageDelivered(**own, session_id=session, message_id=message),)
    for _ in range(random.randint(*COMMITS_OF_A_TURN)):
        entries = tuple(_entry(random) for _ in range(random.randint(*ENTRIES_OF_A_COMMIT)))
        appended = EntriesAppended(
            organization_id=owners.organization_id,
            task_id=owners.task_id,
            session_id=session,
            first_index=index,
            entries=entries,
        )
        yield subject_of("transcript", session), WORKER, (appended,)
        index += len(entries)
    ended = TurnEnded(
        **own,
        session_id=session,
        message_id=message,
        stop_reason="end_turn",
        transcript_version=Position(index),
    )
    yield subject, WORKER, (ended,)
    if random.random() < 0.5:
        paths = [
            f"src/{random.choice(WORDS)}_{number}.py" for number in range(random.randint(1, 5))
        ]
        put = tuple(TreeFile(path=path, size=random.randint(100, 9_000)) for path in paths)
        yield subject, WORKER, (TreeChanged(**own, put=put),)
        files = tuple(_changed(path, random) for path in paths)
        tree_id = f"{random.getrandbits(160):040x}"
        captured = FilesCaptured(**own, base=f"{1:040x}", tree_id=tree_id, files=files)
        yield subject, WORKER, (captured,)
    return index


def _entry(random: Random) -> Entry:
    if random.random() < 0.25:
        call = {"toolCallId": "call_1", "title": _words(random, 2, 6), "status": "completed"}
        return Entry(sender="tool", kind="tool_call", at=Timestamp(0), payload=call)
    text = _words(random, 3, 30)
    return Entry(sender="agent", kind="agent_message_chunk", at=Timestamp(0), text=text)


def _changed(path: str, random: Random) -> ChangedFile:
    text = "\n".join(_words(random, 5, 10) for _ in range(random.randint(5, 30)))
    return ChangedFile(
        path=path, kind="modified", added=4, removed=2, diff=f"@@ -1 +1 @@\n{text}", content=text
    )


def _words(random: Random, least: int, most: int) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(least, most)))
