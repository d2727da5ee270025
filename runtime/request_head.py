"""The head of a request as a raw ASGI route reads it: the parts that are asked for, and no object for each."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import cookie_parser
from starlette.types import Scope


class AnyHead(Protocol):
    """What is common to `Head` and Starlette's `Request`."""

    @property
    def scope(self) -> Scope: ...

    @property
    def method(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The values of the headers by their names in lower case; the first of several with one name."""

    @property
    def cookies(self) -> Mapping[str, str]: ...


class Head:
    __slots__ = ("headers", "method", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            self.headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))

    @property
    def cookies(self) -> Mapping[str, str]:
        given = self.joined(b"cookie", separator="; ")
        return cookie_parser(given) if given else {}

    def joined(self, name: bytes, *, separator: str = ", ") -> str | None:
        """A header that may stand in several lines as one list; None when there is none."""
        values = [value.decode("latin-1") for one, value in self.scope["headers"] if one == name]
        return separator.join(values) if values else None
