"""One route as the OpenAPI document describes it: what it takes and what it answers, as data."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

JSON = "application/json"


class Parameter(Struct, frozen=True):
    """A parameter of the path, the query or a header. `type` is a JSON schema type, `limits` are further words of it."""

    name: str
    description: str
    place: Literal["path", "query", "header"] = "query"
    type: str = "string"
    required: bool = False
    limits: Mapping[str, Any] = {}


class Answer(Struct, frozen=True):
    """A good answer. `shape` is the type its schema is made of, None for text."""

    description: str
    shape: Any = None
    media: str = JSON
    status: int = 200


class Body(Struct, frozen=True):
    shape: Any
    media: str = JSON
    required: bool = True


class DocumentedRoute(Struct, frozen=True, kw_only=True):
    """`problems` are codes of the problem catalog; those every route can have are not repeated.

    A route that `says_bye` answers 200 whatever state the node is in, and tells it there.
    """

    method: Literal["get", "post"]
    path: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[str, ...] = ()
    open_to_all: bool = False
    says_bye: bool = False


def in_path(name: str, description: str) -> Parameter:
    return Parameter(name, description, place="path", required=True)


def in_header(name: str, description: str, **limits: Any) -> Parameter:
    return Parameter(name, description, place="header", limits=limits)
