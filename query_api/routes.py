"""All that can be asked over HTTP, as Starlette routes."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.routing import Route

from events.store import EventStore
from projectors.read_models import ReadModels
from query_api.asked import Handler, asked
from query_api.blobs import BlobAnswers
from query_api.files import FileAnswers
from query_api.history import HistoryAnswers
from query_api.openapi import openapi_endpoint
from query_api.problem_catalog import problem
from query_api.task_past import TaskPasts
from query_api.tasks import TaskAnswers
from query_api.view_route import ViewRoute
from query_api.views import ViewAnswers
from query_api.visibility import Visibility
from query_api.why import WhyAnswers
from runtime.http import Authenticator
from runtime.identity import Access
from runtime.lifecycle import Gate


class QueryRoutes(NamedTuple):
    """All routes; and that of views, which may be called directly, without matching the others."""

    routes: list[Route]
    views: ViewRoute


def questions(
    models: ReadModels,
    store: EventStore,
    access: Access,
    authenticator: Authenticator,
    gate: Gate,
) -> QueryRoutes:
    """What the read models and the log are asked."""
    visibility = Visibility(access)
    pasts = TaskPasts(models, store)
    answers = ViewAnswers(models, store, visibility, pasts)
    views = ViewRoute(models, answers, visibility, authenticator, gate)
    files = FileAnswers(models, store, visibility)

    def question(path: str, answer: Handler) -> Route:
        return Route(path, asked(answer, gate=gate, authenticator=authenticator), methods=["GET"])

    routes = [
        views.route,
        question("/v1/why/task/{task_id}", WhyAnswers(visibility, pasts).why),
        question("/v1/diffs/{task_id}", files.diff),
        question("/v1/files/{task_id}/content", files.content),
        question("/v1/blobs/{id}", BlobAnswers(models, store, visibility).blob),
        question("/v1/tasks", TaskAnswers(models, visibility).tasks),
        question("/v1/history/{id}", HistoryAnswers(store, visibility).history),
    ]
    return QueryRoutes(routes, views)


def descriptions(commands: Mapping[str, type], *, version: str) -> list[Route]:
    """What describes the API, the same on every node: refusals lead here, whoever refused.

    `commands` are the command names with the type of their bodies, `version` that of the system.
    """
    return [
        Route("/v1/openapi.json", openapi_endpoint(commands, version=version), methods=["GET"]),
        Route("/problems/{code}", problem, methods=["GET"]),
    ]
