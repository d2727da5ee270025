"""The five ways a command or a question can fail, told apart by what the caller should do next.

Every error carries a stable code (docs/protocol.md, "Problems") and a sentence that says what to do; status codes
are chosen in one place only, `runtime/problems.py`.
"""

from collections.abc import Sequence

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """One wrong place in a request body: an RFC 6901 pointer and what is wrong there."""

    pointer: str
    detail: str


class FoundryError(Exception):
    """Something the caller can understand and act on."""

    default_code = "failed"

    def __init__(
        self, detail: str, *, code: str | None = None, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.errors = tuple(errors)


class Invalid(FoundryError):
    """The request cannot be understood; sending it again as it is never helps."""

    default_code = "malformed"


class NotFound(FoundryError):
    """There is no such thing, or the caller may not know of it."""

    default_code = "not_found"


class Rejected(FoundryError):
    """The state does not allow it: read the state and choose differently."""

    default_code = "rejected"


class Conflict(FoundryError):
    """Somebody else was there first: reload and try again."""

    default_code = "conflict"


class Unavailable(FoundryError):
    """Not now: try again after a moment."""

    default_code = "unavailable"
