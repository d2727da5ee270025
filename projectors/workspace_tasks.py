"""The tasks of an organization's workspace, each one row with all that a sidebar shows of it."""

from msgspec.structs import replace

from events.agent_session import MessageQueued, TurnEnded
from events.fact import TaskFact
from events.ids import IssueId, OrganizationId, RepositoryId, TaskId, Timestamp
from events.job import JobAnnounced, JobEvent, JobRetryRequested
from events.task import (
    IssueRaised,
    IssueResolved,
    SandboxReady,
    TaskCreated,
    TaskEvent,
    TaskNamed,
)
from events.task_files import FilesCaptured
from projectors.agent_sessions import Session
from projectors.jobs import ENDED, SHOWN, JobBrief, brief_after
from projectors.projection import Trouble
from projectors.rows import Row, Rows
from projectors.task_course import (
    Course,
    PullRequest,
    TaskStatus,
    begun,
    course_after,
)
from projectors.task_course_jobs import course_after_job
from projectors.task_view import trouble_issue
from projectors.workspace_repositories import (
    count_task,
    forget_branch,
    name_branch,
    note_activity,
    task_of_branch,
)

HOUR = 3_600_000
STAYS = 7 * 24 * HOUR
"""How long archived and killed tasks stay in the workspace, in milliseconds."""


class Diff(Row, frozen=True, kw_only=True):
    files: int = 0
    added: int = 0
    removed: int = 0


class Task(Row, frozen=True, kw_only=True):
    id: TaskId
    repository_id: RepositoryId
    title: str
    status: TaskStatus
    status_message: str | None
    branch: str | None
    agent: str
    pull_request: PullRequest | None
    sessions: tuple[Session, ...]
    job: JobBrief | None
    issue_count: int
    diff: Diff
    created_at: Timestamp
    updated_at: Timestamp


class KnownTask(Row, frozen=True, kw_only=True):
    """Hidden: what the shown row is made from. `jobs` are the newest and those that did not succeed, oldest first.

    `over` stays, also while a task that was archived is being killed.
    """

    repository_id: RepositoryId
    course: Course
    jobs: tuple[JobBrief, ...] = ()
    open_issues: tuple[IssueId, ...] = ()
    diff: Diff = Diff()
    over: bool = False


class Home(Row, frozen=True):
    """Hidden: in whose workspace a task is, for what is known of a task by its id alone."""

    organization_id: OrganizationId


class Leaver(Row, frozen=True):
    task_id: TaskId
    at: Timestamp


class LeavingInHour(Row, frozen=True):
    """Hidden: the tasks that leave the workspace within one hour."""

    tasks: tuple[Leaver, ...] = ()


class Calendar(Row, frozen=True):
    """Hidden: the hours in which somebody leaves, earliest first, and when the first of all does."""

    hours: tuple[int, ...] = ()
    next_at: Timestamp = Timestamp(0)


def project_task(rows: Rows, event: TaskEvent, at: Timestamp) -> None:
    topic = f"workspace/{event.organization_id}"
    if isinstance(event, TaskCreated):
        known = KnownTask(repository_id=event.repository_id, course=begun(event, at))
        _show(rows, topic, known)
        rows.put(_home(event.task_id), "_home", event.task_id, Home(event.organization_id))
        count_task(rows, event, 1)
        note_activity(rows, event, at)
        if event.on_branch is not None:
            _take_branch(rows, event, event.on_branch)
        return
    before = rows.get(topic, "_task", event.task_id, KnownTask)
    if before is None:
        return
    known = _known_after(before, event, at)
    _show(rows, topic, known)
    if isinstance(event, TaskNamed) and before.course.branch not in (None, event.branch):
        forget_branch(rows, event, before.course.branch)
    # Before there is a sandbox with it the name is only wanted, and may be that of another branch.
    ready, branch = known.course.sandbox_ready, known.course.branch
    if isinstance(event, TaskNamed | SandboxReady) and ready and branch is not None:
        _take_branch(rows, event, branch)
    if isinstance(event, MessageQueued | TurnEnded):
        note_activity(rows, event, at)
    if known.over and not before.over:
        count_task(rows, event, -1)
        _let_leave(rows, event.organization_id, Leaver(event.task_id, Timestamp(at + STAYS)))
    if known.course.phase == "killed" and known.course.branch is not None:
        forget_branch(rows, event, known.course.branch)


def _take_branch(rows: Rows, event: TaskFact, branch: str) -> None:
    """The branch becomes this task's, unless another one is at work on it: then this one will not get it."""
    holder = task_of_branch(rows, event.repository_id, branch)
    if holder is not None and holder != event.task_id:
        known = rows.get(f"workspace/{event.organization_id}", "_task", holder, KnownTask)
        if known is not None and not known.over and known.course.failure is None:
            return
    name_branch(rows, event, branch)


def project_task_job(
    rows: Rows, task_id: TaskId, event: JobAnnounced | JobEvent, at: Timestamp
) -> None:
    topic = f"workspace/{event.organization_id}"
    known = rows.get(topic, "_task", task_id, KnownTask)
    if known is not None:
        course = course_after_job(known.course, event, at)
        _show(rows, topic, replace(known, course=course, jobs=_jobs_after(known.jobs, event)))


def show_task_trouble(rows: Rows, trouble: Trouble) -> None:
    """Counted among the task's issues for as long as its history cannot be read further."""
    home = rows.get(_home(trouble.aggregate_id), "_home", trouble.aggregate_id, Home)
    if home is None:
        return
    topic = f"workspace/{home.organization_id}"
    known = rows.get(topic, "_task", trouble.aggregate_id, KnownTask)
    if known is not None:
        issue = trouble_issue(trouble)
        others = tuple(one for one in known.open_issues if one != issue)
        _show(
            rows,
            topic,
            replace(known, open_issues=others if trouble.over else (*others, issue)),
        )


def let_go(rows: Rows, organization_id: OrganizationId, now: Timestamp) -> None:
    """Take out the tasks that were archived or killed long enough before `now`, the time of a commit."""
    topic = f"workspace/{organization_id}"
    calendar = rows.get(topic, "_calendar", organization_id, Calendar)
    # Asked for at each event, so it must not cost more where many leave.
    if calendar is None or not calendar.hours or calendar.next_at > now:
        return
    begun = [hour for hour in calendar.hours if hour * HOUR <= now]
    staying: list[int] = []
    for hour in begun:
        leaving = _leaving_in(rows, topic, hour)
        later = tuple(leaver for leaver in leaving.tasks if leaver.at > now)
        for leaver in leaving.tasks:
            if leaver.at <= now:
                rows.remove(topic, "task", leaver.task_id)
                rows.remove(topic, "_task", leaver.task_id)
                rows.remove(_home(leaver.task_id), "_home", leaver.task_id)
        if later:
            staying.append(hour)
            rows.put(topic, "_leaving", str(hour), LeavingInHour(later))
        else:
            rows.remove(topic, "_leaving", str(hour))
    _note_hours(rows, organization_id, (*staying, *calendar.hours[len(begun) :]))


def _home(task_id: str) -> str:
    return f"home/{task_id}"


def _let_leave(rows: Rows, organization_id: OrganizationId, leaver: Leaver) -> None:
    topic = f"workspace/{organization_id}"
    hour = leaver.at // HOUR
    leaving = _leaving_in(rows, topic, hour)
    rows.put(topic, "_leaving", str(hour), LeavingInHour((*leaving.tasks, leaver)))
    calendar = rows.get(topic, "_calendar", organization_id, Calendar) or Calendar()
    _note_hours(rows, organization_id, tuple(sorted({*calendar.hours, hour})))


def _leaving_in(rows: Rows, topic: str, hour: int) -> LeavingInHour:
    return rows.get(topic, "_leaving", str(hour), LeavingInHour) or LeavingInHour()


def _note_hours(rows: Rows, organization_id: OrganizationId, hours: tuple[int, ...]) -> None:
    topic = f"workspace/{organization_id}"
    first = _leaving_in(rows, topic, hours[0]).tasks if hours else ()
    next_at = min((leaver.at for leaver in first), default=Timestamp(0))
    rows.put(topic, "_calendar", organization_id, Calendar(hours, next_at))


def _known_after(known: KnownTask, event: TaskEvent, at: Timestamp) -> KnownTask:
    course = course_after(known.course, event, at)
    known = replace(known, course=course, over=known.over or course.over)
    match event:
        case IssueRaised(issue_id=id) if id not in known.open_issues:
            return replace(known, open_issues=(*known.open_issues, id))
        case IssueResolved(issue_id=id):
            return replace(known, open_issues=tuple(one for one in known.open_issues if one != id))
        case FilesCaptured(files=files):
            diff = Diff(
                files=len(files),
                added=sum(file.added for file in files),
                removed=sum(file.removed for file in files),
            )
            return replace(known, diff=diff)
        case _:
            # Everything else is part of the course, or shown by `task_detail` only.
            return known


def _jobs_after(jobs: tuple[JobBrief, ...], event: JobAnnounced | JobEvent) -> tuple[JobBrief, ...]:
    before = next((job for job in jobs if job.id == event.job_id), None)
    after = brief_after(before, event)
    if before is None or isinstance(event, JobRetryRequested):
        jobs = (*(job for job in jobs if job.id != after.id), after)
    else:
        jobs = tuple(after if job.id == after.id else job for job in jobs)
    # What did not succeed may be retried, and then goes on at its stage.
    kept = [job for job in jobs if job.status != "succeeded" or job is jobs[-1]]
    too_old = [job for job in kept if job.status in ENDED][:-SHOWN]
    return tuple(job for job in kept if job not in too_old)


def _show(rows: Rows, topic: str, known: KnownTask) -> None:
    course = known.course
    rows.put(topic, "_task", course.id, known)
    still_open = [job for job in known.jobs if job.status not in ENDED]
    task = Task(
        id=course.id,
        repository_id=known.repository_id,
        title=course.title,
        status=course.status,
        status_message=course.status_message,
        branch=course.branch,
        agent=course.agent,
        pull_request=None,
        sessions=course.sessions,
        job=(still_open or known.jobs or (None,))[-1],
        issue_count=len(known.open_issues),
        diff=known.diff,
        created_at=course.created_at,
        updated_at=course.updated_at,
    )
    rows.put(topic, "task", task.id, task)
