"""Errors to RFC 9457 problem documents: the one place where an error gets a status code (docs/protocol.md, "Problems")."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from runtime.errors import (
    Conflict,
    FieldError,
    FoundryError,
    Invalid,
    NotFound,
    Rejected,
    Unavailable,
)

log = logging.getLogger(__name__)


class Unauthenticated(FoundryError):
    """401: no credential, or one that is not good any more."""

    default_code = "unauthenticated"


class Forbidden(FoundryError):
    """403: the caller may see it, but not do this."""

    default_code = "forbidden"


class VersionMismatch(FoundryError):
    """412: a command changed the aggregate after the version the caller named."""

    default_code = "version_mismatch"


class TooLarge(FoundryError):
    """413: the body is over the limit."""

    default_code = "too_large"


class UnsupportedMediaType(FoundryError):
    """415: the body is not of a type this route takes."""

    default_code = "unsupported_media_type"


class TooManyRequests(Unavailable):
    """429: refused early so that admitted work stays fast."""

    default_code = "too_many_requests"


STATUS: dict[type[FoundryError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    VersionMismatch: 412,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Rejected: 422,
    TooManyRequests: 429,
    Unavailable: 503,
}

RETRY_AFTER = "1"
"""Seconds, for what may be asked again."""

_PATH_SIGNS = "/:@!$&'()*+,;=~"
"""What a path may have as it is, beside letters, digits and `-._` (RFC 3986, 3.3)."""

TITLES = {
    400: "The request cannot be understood",
    401: "No valid credential",
    403: "Not allowed",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "Somebody else was there first",
    412: "It has changed meanwhile",
    413: "Too large",
    415: "This media type is not understood",
    422: "The state does not allow it",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available now",
}


def status_of(error: FoundryError) -> int:
    """The HTTP status of an error, by the nearest family it belongs to."""
    return next(STATUS[family] for family in type(error).__mro__ if family in STATUS)


def problem_document(error: FoundryError, *, instance: str) -> dict[str, Any]:
    """The members of the problem document for an error."""
    places = msgspec.to_builtins(error.errors)
    return _document(error.code, status_of(error), error.detail, instance, places)


def answer_to(error: Exception, scope: Scope) -> Response:
    """The answer to a request that ended with an error, whichever it is."""
    instance = _instance_of(scope)
    if isinstance(error, FoundryError):
        return _problem_response(error, instance=instance)
    return _internal_problem(error, instance=instance)


def _problem_response(error: FoundryError, *, instance: str) -> Response:
    """The whole answer, with `Retry-After` and `WWW-Authenticate` where they belong."""
    status = status_of(error)
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="foundry"'
    return _response(problem_document(error, instance=instance), headers)


def _internal_problem(error: Exception, *, instance: str) -> Response:
    """What is said of a defect: where to look, and nothing of the inside."""
    log.error("request failed unexpectedly", extra={"path": instance}, exc_info=error)
    detail = "This is a defect of the server; its log has the details under the request id."
    return _response(_document("internal", 500, detail, instance))


def _instance_of(scope: Scope) -> str:
    """What an answer's `instance` says: the path that was asked for, as an address spells it."""
    return quote(scope["path"], safe=_PATH_SIGNS)


def _document(
    code: str, status: int, detail: str, instance: str, errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "errors": errors,
    }


def _response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(document),
        status_code=document["status"],
        headers=headers,
        media_type="application/problem+json",
    )


async def _failed(request: Request, error: Exception) -> Response:
    return answer_to(error, request.scope)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        nothing = "There is nothing at this address; /v1/openapi.json lists what there is."
        return answer_to(NotFound(nothing), request.scope)
    code, detail = "malformed", str(error.detail)
    if error.status_code == 405:
        code = "method_not_allowed"
        detail = "The Allow header lists the methods this address takes."
    document = _document(code, error.status_code, detail, _instance_of(request.scope))
    return _response(document, error.headers)


HANDLERS = {FoundryError: _failed, HTTPException: _http_exception, Exception: _failed}
"""The `exception_handlers` of a Starlette application."""


def invalid_body(error: msgspec.ValidationError) -> Invalid:
    """A body that is JSON but not what the route takes, with a pointer to the place.

    msgspec names the place at the end of its sentence, `… - at `$.data.title``. Of a mapping it says
    `[...]` and not which one: then the mapping is the place.
    """
    sentence, _, place = str(error).partition(" - at `")
    known = place.rstrip("`").removeprefix("$").partition("[...]")[0]
    pointer = known.replace("[", ".").replace("]", "").replace(".", "/")
    return Invalid(
        f"{sentence}{' at ' + pointer if pointer else ''}. Correct the body and send it again.",
        errors=[FieldError(pointer=pointer, detail=sentence)],
    )
