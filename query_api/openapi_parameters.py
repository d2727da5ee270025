"""Parameters of the query string for the OpenAPI document, with the limits `query_api/parameters.py` checks."""

from typing import Any

from query_api.openapi_route import Parameter, in_header
from query_api.parameters import LARGEST


def position(name: str, description: str) -> Parameter:
    """A position of the log, or an index."""
    limits = {"minimum": 0, "maximum": LARGEST}
    return Parameter(name, description, type="integer", limits=limits)


def page_size(description: str) -> Parameter:
    return Parameter(
        "limit", description, type="integer", limits={"minimum": 1, "maximum": LARGEST}
    )


def line(name: str, description: str, *, longest: int, **limits: Any) -> Parameter:
    """One line of text, which may be left out."""
    limits = {"maxLength": longest, "pattern": r"^[^\x00-\x1f\x7f]*$", **limits}
    return Parameter(name, description, limits=limits)


def required_line(name: str, description: str, *, longest: int, **limits: Any) -> Parameter:
    """One line of text that must be there and not be empty."""
    limits = {**line(name, description, longest=longest).limits, "minLength": 1, **limits}
    return Parameter(name, description, required=True, limits=limits)


def path(name: str, description: str, *, longest: int) -> Parameter:
    """The path of a file, which may be left out."""
    limits = {"maxLength": longest, "pattern": r"^[^\x00]*$"}
    return Parameter(name, description, limits=limits)


def required_path(name: str, description: str, *, longest: int) -> Parameter:
    """The path of a file that must be there and not be empty."""
    limits = {**path(name, description, longest=longest).limits, "minLength": 1}
    return Parameter(name, description, required=True, limits=limits)


AT_LEAST = position(
    "at_least", "wait up to 5 s until this position is applied, else 503 `not_caught_up`"
)
IF_NONE_MATCH = in_header("If-None-Match", "entity tags the client holds; 304 if one is current")
POINTER = r"^(?:/(?:[^~/\x00-\x1f\x7f]|~[01])*)+$"
