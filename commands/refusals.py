"""Refusals whose wording several deciders and the authorization must share to the letter."""

from events.addresses import BRANCH_BYTES, valid_branch
from events.ids import is_id
from runtime.errors import Conflict, FieldError, Invalid, NotFound, Rejected


def no_such(noun: str) -> NotFound:
    """The same text for what never was and for what the caller may not see."""
    return NotFound(f"There is no such {noun}, or you may not see it; check the id.")


def taken(noun: str, name: str) -> Conflict:
    return exists(
        f"/{noun}_id", f"The id {name} is taken; choose another {noun} id or leave it out."
    )


def exists(pointer: str, detail: str) -> Conflict:
    """What a field names is there already, so that it cannot be made."""
    places = [FieldError(pointer=pointer, detail=detail)]
    return Conflict(detail, code="already_exists", errors=places)


def unknown(pointer: str, detail: str, *, code: str) -> Rejected:
    """What a field names was not declared to this installation."""
    return Rejected(detail, code=code, errors=[FieldError(pointer=pointer, detail=detail)])


def task_over() -> Rejected:
    return Rejected(
        "The task is archived or killed, or about to be; create a new one.", code="task_over"
    )


def session_closed() -> Rejected:
    return Rejected("The session is closed; create another one.", code="session_closed")


def wrong(pointer: str, detail: str) -> Invalid:
    """A field whose type is right and whose content is not."""
    return Invalid(
        f"{detail} Correct {pointer} and send it again.",
        errors=[FieldError(pointer=pointer, detail=detail)],
    )


def chosen_id(named: str | None, derived: str, *, prefix: str) -> str:
    """The id the caller named for what is to be made, else the derived one. Raises `Invalid`."""
    if named is None:
        return derived
    if not is_id(named, prefix):
        raise wrong(
            f"/{_FIELDS[prefix]}",
            f"An id looks like {prefix}_ and [a-z0-9_], 63 characters at most.",
        )
    return named


def check_branch(pointer: str, branch: str | None) -> None:
    """Raises `Invalid` for a name that `git check-ref-format` refuses or that looks like an option."""
    if branch is None or valid_branch(branch):
        return
    if len(branch.encode(errors="replace")) > BRANCH_BYTES:
        raise wrong(pointer, f"A branch's name has {BRANCH_BYTES} bytes of UTF-8 at most.")
    raise wrong(pointer, "This is not a name git allows for a branch.")


_FIELDS = {
    "org": "organization_id",
    "repo": "repository_id",
    "task": "task_id",
    "ses": "session_id",
    "proc": "process_id",
    "usr": "user_id",
}
