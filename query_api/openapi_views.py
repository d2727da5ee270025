"""The types that make up each view, for the OpenAPI document; a test compares them with the projections."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from projectors import (
    app_organizations,
    app_sessions,
    job_view,
    jobs,
    task_course,
    task_files,
    task_processes,
    task_view,
    transcript,
    workspace,
    workspace_repositories,
    workspace_tasks,
)


class ViewShape(Struct, frozen=True):
    """`itself` holds the view's scalars, `lists` the type of the elements of each list."""

    itself: type[Struct]
    lists: Mapping[str, type[Struct]]


class PullRequestWithoutTask(task_course.PullRequest, frozen=True, kw_only=True):
    """An open pull request that no task of the workspace made."""

    id: str


VIEWS: Mapping[str, ViewShape] = {
    "app": ViewShape(
        app_organizations.App,
        {"organizations": app_organizations.Organization, "sessions": app_sessions.OwnSession},
    ),
    "workspace": ViewShape(
        workspace.WorkspaceSelf,
        {
            "members": workspace.Member,
            "repositories": workspace_repositories.Repository,
            "tasks": workspace_tasks.Task,
            "pull_requests": PullRequestWithoutTask,
        },
    ),
    "repository": ViewShape(
        workspace_repositories.RepositorySelf,
        {"branches": workspace_repositories.Branch, "jobs": jobs.Job},
    ),
    "task": ViewShape(
        task_view.TaskSelf,
        {
            "sessions": task_view.Session,
            "sandboxes": task_view.Sandbox,
            "jobs": jobs.Job,
            "issues": task_view.Issue,
        },
    ),
    "files": ViewShape(
        task_files.FilesSelf, {"files": task_files.File, "tree": task_files.TreeRow}
    ),
    "processes": ViewShape(task_processes.ProcessesSelf, {"processes": task_processes.Process}),
    "job": ViewShape(job_view.JobSelf, {"stages": jobs.Stage}),
    "transcript": ViewShape(transcript.TranscriptSelf, {"entries": transcript.ShownEntry}),
}


def row_types() -> list[type[Struct]]:
    """Every type a view is made of."""
    return [row for shape in VIEWS.values() for row in (shape.itself, *shape.lists.values())]


def view_schema(refs: Mapping[type, dict[str, Any]]) -> dict[str, Any]:
    """What a read of a view answers: one of the kinds, in the same envelope. `refs` has each row's schema."""
    return {
        "type": "object",
        "required": ["topic", "epoch", "version", "data"],
        "properties": {
            "topic": {"type": "string"},
            "epoch": {
                "type": "string",
                "description": "identity of the projection's code and schema",
            },
            "version": {
                "type": "integer",
                "description": "position of the last commit that changed the topic",
            },
            "data": {"anyOf": [_data_schema(kind, shape, refs) for kind, shape in VIEWS.items()]},
        },
    }


def _data_schema(
    kind: str, shape: ViewShape, refs: Mapping[type, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "title": kind,
        "allOf": [
            refs[shape.itself],
            {
                "type": "object",
                "required": list(shape.lists),
                "properties": {
                    name: {"type": "array", "items": refs[row]} for name, row in shape.lists.items()
                },
            },
        ],
    }
