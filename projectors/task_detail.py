"""`task/<id>`, `files/<id>`, `processes/<id>`, `job/<id>`: everything about one task, and every job there is."""

from events.commit import Commit, Event
from events.fact import TaskFact
from events.job import JobFact
from projectors.job_view import project_job
from projectors.projection import Projection, Trouble, View
from projectors.rows import Rows
from projectors.task_files import project_files
from projectors.task_processes import project_processes
from projectors.task_view import project_task, project_task_job, show_task_trouble


def project(rows: Rows, event: Event, commit: Commit) -> None:
    if isinstance(event, TaskFact):
        project_task(rows, event, commit)
        project_files(rows, event, commit.at)
        project_processes(rows, event, commit.at)
    elif isinstance(event, JobFact):
        job = project_job(rows, event, commit.at)
        if job is not None and event.task_id is not None:
            project_task_job(rows, event.task_id, event, job, commit.at)


def show_trouble(rows: Rows, trouble: Trouble) -> None:
    if trouble.kind == "task":
        show_task_trouble(rows, trouble)


TASK_DETAIL = Projection(
    name="task_detail",
    kinds=frozenset({"organization", "repository", "task", "job"}),
    views={
        "task": View(
            {"sessions": "session", "sandboxes": "sandbox", "jobs": "job", "issues": "issue"}
        ),
        "files": View({"files": "file", "tree": "tree"}),
        "processes": View({"processes": "process"}),
        "job": View({"stages": "stage"}),
    },
    project=project,
    module=__name__,
    show_trouble=show_trouble,
)
