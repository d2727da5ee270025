"""The routes of the query API, for the OpenAPI document."""

from typing import Any, get_args

from projectors.task_course import TaskStatus
from query_api.files import LONGEST_PATH
from query_api.history import History
from query_api.openapi_parameters import (
    AT_LEAST,
    IF_NONE_MATCH,
    POINTER,
    line,
    page_size,
    path,
    position,
    required_line,
    required_path,
)
from query_api.openapi_route import Answer, DocumentedRoute, Parameter, in_path
from query_api.problem_catalog import ProblemMeaning
from query_api.tasks import LONGEST_SEARCH, TaskPage
from query_api.why import LONGEST_POINTER, Why

UNCHANGED = Answer("what the client holds is current", media="", status=304)
TASK_ID = in_path("task_id", "a task's id")
READ_PROBLEMS = ("malformed", "not_found", "too_many_requests", "not_caught_up", "rebuilding")


class AnyView(dict[str, Any]):
    """Marks the place of the views' own schema, which `query_api/openapi.py` puts together."""


ASKED = (
    DocumentedRoute(
        method="get",
        path="/v1/views/{topic}",
        tag="views",
        summary="One view, as its projection has it",
        parameters=(
            in_path(
                "topic",
                "`app`, `workspace/{organization_id}`, `repository/{repository_id}`, `task/{task_id}`, `files/{task_id}`, "
                "`processes/{task_id}`, `job/{job_id}` or `transcript/{session_id}`, its slash written as it is",
            ),
            AT_LEAST,
            position("before", "transcripts: only entries with an index below this"),
            page_size("transcripts: the newest so many entries, 200 at most"),
            position("as_of", "tasks: the view as it was at this position"),
            IF_NONE_MATCH,
        ),
        answers=(Answer("the view", AnyView), UNCHANGED),
        problems=(*READ_PROBLEMS, "too_old"),
    ),
    DocumentedRoute(
        method="get",
        path="/v1/why/task/{task_id}",
        tag="views",
        summary="Which event gave a field of a task its present value",
        parameters=(
            TASK_ID,
            required_line(
                "field",
                "a JSON pointer into the view's data; elements of lists are named by their id",
                longest=LONGEST_POINTER,
                pattern=POINTER,
            ),
        ),
        answers=(Answer("the event, command, actor and time", Why),),
        problems=("malformed", "not_found", "too_many_requests", "too_old"),
    ),
    DocumentedRoute(
        method="get",
        path="/v1/diffs/{task_id}",
        tag="files",
        summary="The captured patch of one file, or of all",
        parameters=(
            TASK_ID,
            path("path", "one file; left out: all files", longest=LONGEST_PATH),
            AT_LEAST,
            IF_NONE_MATCH,
        ),
        answers=(Answer("a git patch", media="text/x-diff"), UNCHANGED),
        problems=READ_PROBLEMS,
    ),
    DocumentedRoute(
        method="get",
        path="/v1/files/{task_id}/content",
        tag="files",
        summary="The captured content of one changed file",
        parameters=(
            TASK_ID,
            required_path("path", "the file", longest=LONGEST_PATH),
            AT_LEAST,
            IF_NONE_MATCH,
        ),
        answers=(
            Answer("UTF-8 text; other bytes as application/octet-stream", media="text/plain"),
            UNCHANGED,
        ),
        problems=READ_PROBLEMS,
    ),
    DocumentedRoute(
        method="get",
        path="/v1/blobs/{id}",
        tag="files",
        summary="Large content that a transcript or a file view refers to",
        parameters=(
            in_path("id", "hex SHA-256 of the content"),
            line("session_id", "the transcript that refers to it", longest=63),
            line("task_id", "the task whose files refer to it", longest=63),
            IF_NONE_MATCH,
        ),
        answers=(Answer("the bytes", media="application/octet-stream"), UNCHANGED),
        problems=("malformed", "not_found", "too_many_requests", "rebuilding"),
    ),
    DocumentedRoute(
        method="get",
        path="/v1/tasks",
        tag="views",
        summary="Tasks of one organization, or of all of the caller's; an empty parameter but `at_least` counts as none",
        parameters=(
            Parameter("organization_id", "only this organization's"),
            Parameter(
                "status",
                "only tasks with this status",
                limits={"enum": ("", *get_args(TaskStatus))},
            ),
            line("q", "only tasks whose title or branch has this text", longest=LONGEST_SEARCH),
            line(
                "after", "the `next` of the page before", longest=63, pattern="^(task_[a-z0-9_]+)?$"
            ),
            page_size("50 unless told, 200 at most"),
            AT_LEAST,
        ),
        answers=(Answer("a page, ordered by id", TaskPage),),
        problems=READ_PROBLEMS,
    ),
    DocumentedRoute(
        method="get",
        path="/v1/history/{id}",
        tag="views",
        summary="The audit trail of a user, organization, repository, task, job or transcript",
        parameters=(
            in_path("id", "the id; a user's only by that user, a transcript's is its session's"),
            position("after", "only commits after this position"),
            page_size("100 unless told, 1000 at most"),
            Parameter("facts", "with the events in full", type="boolean"),
        ),
        answers=(Answer("a page, oldest first", History),),
        problems=("malformed", "not_found", "too_many_requests"),
    ),
    DocumentedRoute(
        method="get",
        path="/v1/openapi.json",
        tag="about",
        summary="This document",
        parameters=(IF_NONE_MATCH,),
        answers=(Answer("OpenAPI 3.1", dict[str, Any]), UNCHANGED),
        open_to_all=True,
    ),
    DocumentedRoute(
        method="get",
        path="/problems/{code}",
        tag="about",
        summary="What a problem's code means and what to do",
        parameters=(in_path("code", "the `code` of a problem"),),
        answers=(Answer("the meaning", ProblemMeaning),),
        problems=("not_found",),
        open_to_all=True,
    ),
)
"""The routes of this folder."""
