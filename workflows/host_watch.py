"""Looks after tasks whose sandbox is on a host that stays away: says so on the task, with the way out."""

import logging
import secrets

from commands.aggregates import Aggregates
from commands.directory import Directory
from commands.task import TASK
from commands.task_reports import issue_raised, issue_resolved
from commands.task_state import Task
from events.ids import IssueId, TaskId, derive_id
from runtime.errors import Unavailable
from workflows.presence import Presence
from workflows.steady_reports import SteadyReports

log = logging.getLogger(__name__)

AWAY = "host_away"


def away_issue(task_id: TaskId, host: str) -> IssueId:
    """One issue for a task and a host, however often the host goes away."""
    return IssueId(derive_id("iss", task_id, AWAY, host))


def needs_host(task: Task, *, here: str) -> str | None:
    """The other host without which the work that is open in a task cannot go on."""
    if task.sandbox is None or task.sandbox.host == here:
        return None
    # A kill goes on without the host, so there is nothing to tell.
    if not task.busy or task.status == "killing":
        return None
    return task.sandbox.host


class HostWatch:
    """`touched` names tasks in which something was asked for; `look` does the work, now and then."""

    def __init__(
        self,
        *,
        aggregates: Aggregates,
        directory: Directory,
        reports: SteadyReports,
        presence: Presence,
        host: str,
    ) -> None:
        self._aggregates = aggregates
        self._directory = directory
        self._reports = reports
        self._presence = presence
        self._host = host
        self._touched: dict[TaskId, None] = {}
        self._away: set[str] = set()

    def touched(self, task_id: TaskId) -> None:
        """Somebody asked for work in this task: look whether its host can do it."""
        self._touched[task_id] = None

    async def look(self) -> None:
        """Raise the issues of hosts that went away, and of work that was asked for since."""
        away = {host for host in self._directory.hosts() if self._presence.away(host)}
        for host in sorted(away - self._away):
            log.warning("host stays away", extra={"host": host})
            self._touched |= dict.fromkeys(self._directory.tasks_on(host))
        self._away = away
        while self._touched:
            task_id = next(iter(self._touched))
            del self._touched[task_id]
            try:
                await self._look_at(task_id)
            except Unavailable as error:
                if error.code != "unreadable":
                    self._touched[task_id] = None
                    raise
                # A history that cannot be read keeps nobody else's host unwatched.
                log.warning(
                    "task is left as it is", extra={"task_id": task_id, "reason": error.detail}
                )

    async def is_back(self, task_id: TaskId) -> None:
        """This host works for the task again, or still: the issue about it is settled."""
        task = (await self._aggregates.load(TASK, task_id)).state
        issue_id = away_issue(task_id, self._host)
        if not isinstance(task, Task) or not issue_resolved(task, issue_id=issue_id):
            return
        if task.sandbox is None or task.sandbox.host != self._host:
            return
        await self._reports.report(
            TASK,
            task_id,
            lambda now: issue_resolved(now, issue_id=issue_id),
            report_id=f"{issue_id}/resolved/{secrets.token_hex(6)}",
        )

    async def _look_at(self, task_id: TaskId) -> None:
        task = (await self._aggregates.load(TASK, task_id)).state
        host = needs_host(task, here=self._host) if isinstance(task, Task) else None
        # A host that goes away a moment later has all its tasks looked at then.
        if host is None or not self._presence.away(host):
            return
        issue_id = away_issue(task_id, host)
        message = (
            f"The host {host}, which holds this task's sandbox, has not been heard from for "
            f"{self._presence.away_seconds:g} seconds. Start its worker again and the work goes on "
            "by itself; or kill the task, which gives the sandbox up."
        )
        await self._reports.report(
            TASK,
            task_id,
            lambda now: issue_raised(now, issue_id=issue_id, code=AWAY, message=message),
            report_id=f"{issue_id}/raised/{secrets.token_hex(6)}",
        )
