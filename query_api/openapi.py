"""`GET /v1/openapi.json`: the whole HTTP surface as OpenAPI 3.1, put together from data once."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from query_api.conditional import not_modified
from query_api.etag import content_etag
from query_api.openapi_commands import command_routes
from query_api.openapi_route import Answer, DocumentedRoute, Parameter
from query_api.openapi_routes import ASKED, AnyView
from query_api.openapi_routes_elsewhere import ELSEWHERE
from query_api.openapi_shapes import FRAMES, Problem
from query_api.openapi_views import row_types, view_schema
from query_api.problem_catalog import PROBLEMS
from runtime.http import JsonResponse

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]


def openapi_endpoint(
    commands: Mapping[str, type], *, version: str
) -> Callable[[Request], Awaitable[Response]]:
    body = msgspec.json.encode(document(commands, version=version))
    tag = content_etag(body)
    kept = {"Cache-Control": "public, no-cache"}

    async def openapi(request: Request) -> Response:
        held = not_modified(request, tag, kept)
        return held or JsonResponse(body, headers={"ETag": tag, **kept})

    return openapi


def document(commands: Mapping[str, type], *, version: str) -> Schema:
    """The document. `commands` are the command names with the types of their bodies."""
    routes = [*ASKED, *command_routes(commands), *ELSEWHERE]
    shapes = _shapes(routes)
    schemas, components = msgspec.json.schema_components(shapes, ref_template=REF)
    refs = dict(zip(shapes, schemas, strict=True))
    components["View"] = view_schema(refs)
    refs[AnyView] = {"$ref": REF.format(name="View")}
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Foundry",
            "version": version,
            "description": "Commands are appended as events, views are read from projections, streams tell what changed.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "foundry_session"},
            },
        },
        "security": [{"token": []}, {"cookie": []}],
    }


def _shapes(routes: list[DocumentedRoute]) -> list[Any]:
    shapes = [Problem, *FRAMES.values(), *row_types()]
    for route in routes:
        shapes += [answer.shape for answer in route.answers]
        shapes += [route.body.shape] if route.body else []
    return [shape for shape in dict.fromkeys(shapes) if shape not in (None, AnyView)]


def _operation(route: DocumentedRoute, refs: Mapping[Any, Schema]) -> Schema:
    operation: Schema = {
        "summary": route.summary,
        "tags": [route.tag],
        "responses": {
            **{str(answer.status): _answer(answer, refs) for answer in route.answers},
            **_problems(route, refs),
        },
    }
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.body:
        operation["requestBody"] = {
            "required": route.body.required,
            "content": {route.body.media: {"schema": refs[route.body.shape]}},
        }
    if route.open_to_all:
        operation["security"] = []
    return operation


def _answer(answer: Answer, refs: Mapping[Any, Schema]) -> Schema:
    if not answer.media:
        return {"description": answer.description}
    schema = {"type": "string"} if answer.shape is None else refs[answer.shape]
    content: Schema = {"schema": schema}
    if answer.media == "text/event-stream":
        content["x-events"] = {name: refs[frame] for name, frame in FRAMES.items()}
    return {"description": answer.description, "content": {answer.media: content}}


def _problems(route: DocumentedRoute, refs: Mapping[Any, Schema]) -> Schema:
    codes = [*route.problems, "internal"]
    if not route.open_to_all:
        # Who is asking is known from the log, which may not answer.
        codes += ["unauthenticated"]
        codes += [] if route.says_bye else ["unavailable", "draining"]
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    taken = {answer.status for answer in route.answers}
    return {
        str(status): {
            "description": " · ".join(names),
            "content": {"application/problem+json": {"schema": refs[Problem]}},
        }
        for status, names in sorted(by_status.items())
        if status not in taken
    }


def _parameter(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required,
        "schema": {"type": parameter.type, **parameter.limits},
    }
