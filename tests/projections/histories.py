"""Histories that could have happened: a small town whose people and workers do one thing after another."""

from collections.abc import Callable, Iterator

from hypothesis import strategies as st

from events.commit import Commit, Event
from events.ids import JobId, MessageId, SessionId, TaskId
from tests import facts

DAY = 24 * 3_600_000

TASKS = tuple(TaskId(f"task_{number}") for number in (1, 2, 3))

LIKELY = 4
"""How many times likelier than others the steps are that bring a task on."""

Step = Callable[[], Commit]


class TaskSoFar:
    def __init__(self, number: int) -> None:
        self.id = TASKS[number]
        self.number = number
        self.phase = "queued"
        self.sessions: dict[SessionId, SessionSoFar] = {}
        self.processes = 0
        self.issues = 0
        self.of_job = facts.OfTask(self.id, JobId(f"job_{number}"))
        self.stage = 0
        self.job = "announced"


class SessionSoFar:
    def __init__(self) -> None:
        self.status = "pending"
        self.queue: list[MessageId] = []
        self.running: MessageId | None = None
        self.index = 1


class Town:
    """What has happened, and what may happen next."""

    def __init__(self) -> None:
        self.at = 1000
        self.tasks: list[TaskSoFar] = []
        self.bert_is_member = False
        self.messages = 0
        self.synced = 0

    def beginning(self) -> list[Commit]:
        return [
            facts.commit(facts.user_created()),
            facts.commit(facts.user_created(facts.BERT, "Bert")),
            facts.commit(facts.organization_created()),
            facts.commit(
                facts.repository_added(), facts.job_announced(facts.OfRepository()), command_id="c"
            ),
        ]

    def first_turn(self) -> list[Commit]:
        """A task that is provisioned, and whose agent is at work on the first message."""
        commits = [self._create_task()]
        task = self.tasks[0]
        while task.phase == "queued":
            commits.append(self._provision(task))
        [(id, session)] = task.sessions.items()
        return [*commits, self._deliver(task, id, session), self._say(task, id, session, 150)]

    def options(self) -> Iterator[Step]:
        yield lambda: self._commit(facts.organization_updated(name=f"Acme {self.at}"))
        yield self._sync
        yield self._sync_job
        yield lambda: self._worker(facts.branch_parent_recorded(base=f"b{self.at}"))
        yield self._bert_comes_or_goes
        if len(self.tasks) < len(TASKS):
            yield self._create_task
        for task in self.tasks:
            yield from self._task_options(task)

    # --- The organization ---

    def _sync(self) -> Commit:
        self.synced += 1
        names = ("main", "fix-0", "fix-1")[: self.synced % 3 + 1]
        return self._worker(facts.repository_synced(*map(facts.branch, names)))

    def _sync_job(self) -> Commit:
        of = facts.OfRepository(JobId(f"job_sync_{self.synced}"))
        return self._worker(facts.job_opened(of, stages=("sync",)), facts.job_started(of))

    def _bert_comes_or_goes(self) -> Commit:
        self.bert_is_member = not self.bert_is_member
        return self._commit(facts.member_added() if self.bert_is_member else facts.member_removed())

    # --- Tasks ---

    def _create_task(self) -> Commit:
        task = TaskSoFar(len(self.tasks))
        self.tasks.append(task)
        session = SessionId(f"ses_{task.number}_0")
        task.sessions[session] = SessionSoFar()
        return self._commit(
            facts.task_created(task.id),
            facts.session_created(task.id, session),
            self._queue(task, session),
            facts.job_announced(task.of_job),
        )

    def _task_options(self, task: TaskSoFar) -> Iterator[Step]:
        yield lambda: self._commit(facts.task_selected(task=task.id))
        if task.phase in ("archived", "killed"):
            return
        yield lambda: self._commit(facts.task_renamed(task.id, f"Title {self.at}"))
        if task.phase == "queued":
            yield from LIKELY * (lambda: self._provision(task),)
        if task.phase == "open":
            yield lambda: self._change_files(task)
            yield lambda: self._run_process(task)
            yield lambda: self._raise_issue(task)
            yield lambda: self._end_task(task)
            if len(task.sessions) < 2:
                yield from LIKELY * (lambda: self._open_session(task),)
        for id, session in task.sessions.items():
            if session.status != "closed":
                yield from self._session_options(task, id, session)

    def _provision(self, task: TaskSoFar) -> Commit:
        of = task.of_job
        if task.job == "announced":
            task.job = "running"
            return self._worker(facts.job_opened(of), facts.job_started(of))
        if task.job == "failed":
            task.job = "running"
            return self._commit(facts.job_retry_requested(of))
        task.stage += 1
        if task.stage == 2:
            task.job = "failed"
            return self._worker(facts.task_failed(task.id, of.job_id))
        if task.stage == 4:
            return self._worker(
                facts.sandbox_allocated(task.id),
                facts.sandbox_ready(task.id),
                facts.task_named(task.id, f"fix-{task.number}"),
            )
        if task.stage == 6:
            task.phase = "open"
            for session in task.sessions.values():
                session.status = "ready"
            ready = [facts.session_ready(task.id, id) for id in task.sessions]
            return self._worker(*ready, facts.task_provisioned(task.id, of.job_id))
        stage = facts.STAGES[task.stage - 1]
        return self._worker(
            facts.stage_started(of, stage=stage), facts.stage_succeeded(of, stage=stage)
        )

    def _end_task(self, task: TaskSoFar) -> Commit:
        task.phase = "killed" if task.number else "archived"
        if task.phase == "killed":
            return self._commit(facts.task_kill_requested(task.id), facts.task_killed(task.id))
        return self._commit(facts.task_archive_requested(task.id), facts.task_archived(task.id))

    def _change_files(self, task: TaskSoFar) -> Commit:
        paths = ("a.py", "b/ü c.py", "d.py")[: self.at % 4]
        return self._worker(
            facts.tree_changed(task.id, put=paths, removed=("d.py",)),
            facts.files_captured(
                task.id, files=tuple(map(facts.changed_file, paths)), tree_id=f"t{self.at}"
            ),
        )

    def _run_process(self, task: TaskSoFar) -> Commit:
        task.processes += 1
        return self._commit(
            facts.process_requested(task.id),
            facts.process_started(task.id),
            facts.process_output(task.id, tail=str(task.processes)),
            facts.process_input(task.id),
            facts.process_exited(task.id),
        )

    def _raise_issue(self, task: TaskSoFar) -> Commit:
        task.issues += 1
        if task.issues % 2:
            return self._worker(facts.issue_raised(task.id))
        return self._commit(facts.issue_resolved(task.id))

    # --- Sessions ---

    def _open_session(self, task: TaskSoFar) -> Commit:
        # The second one of each task has a name that other tasks use too.
        id = SessionId("ses_common")
        task.sessions[id] = SessionSoFar()
        return self._commit(facts.session_created(task.id, id))

    def _session_options(
        self, task: TaskSoFar, id: SessionId, session: SessionSoFar
    ) -> Iterator[Step]:
        yield lambda: self._commit(self._queue(task, id), by_bert=self.bert_is_member)
        yield lambda: self._commit(facts.draft_updated(task=task.id, session=id, text=str(self.at)))
        yield lambda: self._commit(facts.session_unread_set(task=task.id, session=id))
        if session.status == "pending":
            if task.phase == "open":
                yield lambda: self._get_ready(task, id, session)
        elif session.running is None:
            yield lambda: self._close(task, id, session)
            if session.queue:
                yield from LIKELY * (lambda: self._deliver(task, id, session),)
        else:
            yield lambda: self._say(task, id, session, 1)
            yield from LIKELY * (lambda: self._say(task, id, session, 150),)
            yield lambda: self._end_turn(task, id, session)

    def _queue(self, task: TaskSoFar, id: SessionId) -> Event:
        self.messages += 1
        message = MessageId(f"msg_{self.messages}")
        task.sessions[id].queue.append(message)
        return facts.message_queued(task.id, id, message)

    def _get_ready(self, task: TaskSoFar, id: SessionId, session: SessionSoFar) -> Commit:
        session.status = "ready"
        return self._worker(facts.session_ready(task.id, id))

    def _close(self, task: TaskSoFar, id: SessionId, session: SessionSoFar) -> Commit:
        session.status = "closed"
        return self._commit(facts.session_closed(task.id, id))

    def _deliver(self, task: TaskSoFar, id: SessionId, session: SessionSoFar) -> Commit:
        session.running = session.queue.pop(0)
        return self._worker(facts.message_delivered(task.id, id, session.running))

    def _say(self, task: TaskSoFar, id: SessionId, session: SessionSoFar, count: int) -> Commit:
        entries = [facts.entry(str(session.index + number)) for number in range(count)]
        first_index, session.index = session.index, session.index + count
        return self._worker(
            facts.entries_appended(*entries, first_index=first_index, task=task.id, session=id)
        )

    def _end_turn(self, task: TaskSoFar, id: SessionId, session: SessionSoFar) -> Commit:
        message, session.running = session.running, None
        assert message is not None
        return self._worker(facts.turn_ended(task.id, id, message))

    # --- Commits ---

    def _commit(self, *events: Event, by_bert: bool = False) -> Commit:
        actor = facts.BERT if by_bert else facts.ANNA
        return facts.commit(*events, at=self.at, actor=actor, command_id=f"c{self.at}")

    def _worker(self, *events: Event) -> Commit:
        return facts.commit(*events, at=self.at, actor=facts.WORKER)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 60) -> list[Commit]:
    town = Town()
    commits = town.beginning()
    if draw(st.booleans()):
        commits += town.first_turn()
    for _ in range(draw(st.integers(1, most))):
        town.at += draw(st.sampled_from((1, 1000, 1000, 1000, 8 * DAY)))
        commits.append(draw(st.sampled_from(list(town.options())))())
    return commits
