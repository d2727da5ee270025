"""JSON pointers into a view's data, where an element of a list is named by its id (RFC 6901 otherwise)."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from query_api.parameters import wrong

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def parse(pointer: str) -> tuple[str, ...]:
    """The names on the way, unescaped. Raises `Invalid` for text that is no pointer to a field."""
    if not pointer.startswith("/"):
        raise wrong("field", "must be a JSON pointer such as /sessions/<id>/status")
    if _BAD_ESCAPE.search(pointer):
        raise wrong("field", "may have ~ only as ~0 (for ~) or ~1 (for /)")
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in pointer[1:].split("/"))


def find(data: Json, path: Sequence[str]) -> "Json | UnsetType":
    """What stands at the end of the path, `UNSET` when there is no such place."""
    for name in path:
        if isinstance(data, dict) and name in data:
            data = data[name]
        elif isinstance(data, list):
            element = _element(data, name)
            if element is UNSET:
                return UNSET
            data = element
        else:
            return UNSET
    return data


def _element(elements: list[Json], name: str) -> "Json | UnsetType":
    for element in elements:
        if isinstance(element, dict) and element.get("id") == name:
            return element
    # Lists whose elements have no id (the arguments of a process) keep their index.
    if _INDEX.fullmatch(name) and int(name) < len(elements):
        element = elements[int(name)]
        return UNSET if isinstance(element, dict) and "id" in element else element
    return UNSET
