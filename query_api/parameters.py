"""What the query string says, checked. A parameter no route knows is ignored, as HTTP's users expect."""

import re
from collections.abc import Mapping

from events.ids import Position
from runtime.errors import FieldError, Invalid

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS = re.compile(r"[0-9]{1,19}")
LARGEST = 2**63 - 1


def whole_number(query: Mapping[str, str], name: str, *, lowest: int = 0) -> int | None:
    """A decimal number of at least `lowest`, None when the parameter is absent. Raises `Invalid`."""
    text = query.get(name)
    if text is None:
        return None
    number = int(text) if _DIGITS.fullmatch(text) else -1
    if not lowest <= number <= LARGEST:
        raise wrong(name, f"must be a whole number from {lowest} to {LARGEST}")
    return number


def position(query: Mapping[str, str], name: str) -> Position | None:
    """A position of the log, None when the parameter is absent."""
    number = whole_number(query, name)
    return None if number is None else Position(number)


def page_size(query: Mapping[str, str], *, default: int, largest: int) -> int:
    """How many elements to answer with: `limit`, or the default; never more than the largest page."""
    return min(whole_number(query, "limit", lowest=1) or default, largest)


def boolean(query: Mapping[str, str], name: str) -> bool:
    """`true` or `false`, which a parameter that is absent is too. Raises `Invalid`."""
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise wrong(name, "must be true or false")
    return text == "true"


def line(query: Mapping[str, str], name: str, *, longest: int) -> str | None:
    """One line of text, None when the parameter is absent. Control characters are refused."""
    text = query.get(name)
    if text is None:
        return None
    if len(text) > longest:
        raise wrong(name, f"may have {longest} characters")
    if has_control(text):
        raise wrong(name, "may not have control characters")
    return text


def required_line(query: Mapping[str, str], name: str, *, longest: int) -> str:
    """One line of text that must be there and not be empty."""
    text = line(query, name, longest=longest)
    if not text:
        raise wrong(name, "is missing")
    return text


def path(query: Mapping[str, str], name: str, *, longest: int) -> str | None:
    """The path of a file, None when the parameter is absent. A file's name may have any character but NUL."""
    text = query.get(name)
    if text is not None and len(text) > longest:
        raise wrong(name, f"may have {longest} characters")
    if text is not None and "\0" in text:
        raise wrong(name, "may not have a NUL")
    return text


def required_path(query: Mapping[str, str], name: str, *, longest: int) -> str:
    """The path of a file that must be there and not be empty."""
    text = path(query, name, longest=longest)
    if not text:
        raise wrong(name, "is missing")
    return text


def has_control(text: str) -> bool:
    """Whether there are control characters in a text."""
    return _CONTROL.search(text) is not None


def wrong(name: str, what: str) -> Invalid:
    """The error for a query parameter that cannot be used."""
    return Invalid(
        f"The query parameter `{name}` {what}. Correct it and ask again.",
        errors=[FieldError(pointer=f"/{name}", detail=f"{name} {what}")],
    )
