"""The commands' routes for the OpenAPI document, made of their names and the types of their bodies."""

from collections.abc import Mapping

from query_api.openapi_route import Answer, Body, DocumentedRoute, in_header
from query_api.openapi_shapes import CommandAnswer, CommandLine, CommandLineAnswer

NDJSON = "application/x-ndjson"

KEY = in_header(
    "Idempotency-Key",
    "a UUID, the command's id: the same key and body again gives the same answer and no second event",
    format="uuid",
)
IF_MATCH = in_header(
    "If-Match", 'an entity tag of the topic, or "<position>": 412 if a command changed it since'
)

REFUSALS = (
    "malformed",
    "forbidden",
    "not_found",
    "already_exists",
    "conflict",
    "version_mismatch",
    "too_large",
    "unsupported_media_type",
    "too_many_requests",
    "rejected",
    "key_reused",
    "unreadable",
)


def command_routes(commands: Mapping[str, type]) -> list[DocumentedRoute]:
    """One documented address per command, and the one for many at once."""
    single = [
        DocumentedRoute(
            method="post",
            path=f"/v1/commands/{name}",
            tag="commands",
            summary=name,
            parameters=(KEY, IF_MATCH),
            body=Body(command),
            answers=(Answer("accepted, and durable", CommandAnswer, status=202),),
            problems=REFUSALS,
        )
        for name, command in commands.items()
    ]
    several = DocumentedRoute(
        method="post",
        path="/v1/commands",
        tag="commands",
        summary="Several commands, one a line, run one after another",
        parameters=(KEY,),
        body=Body(CommandLine, media=NDJSON, required=False),
        answers=(Answer("one line each, in order", CommandLineAnswer, media=NDJSON),),
        problems=(
            "malformed",
            "forbidden",
            "too_large",
            "unsupported_media_type",
            "too_many_requests",
        ),
    )
    return [*single, several]
