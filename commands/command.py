"""What all commands have in common: they are read strictly, and may name the version they were made for."""

from typing import Annotated

from msgspec import Meta, Struct

from commands.fields import Reference


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a command. A field added later needs a default, so that old bodies keep their digest."""

    expected_version: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class Creating(Command, frozen=True, kw_only=True):
    """Begins a history of its own.

    Whether that is there already comes before any version: of what may not be the caller's to see, none is told.
    """


class ForOrganization(Command, frozen=True, kw_only=True):
    organization_id: Reference


class ForRepository(Command, frozen=True, kw_only=True):
    repository_id: Reference


class ForTask(Command, frozen=True, kw_only=True):
    task_id: Reference


class ForSession(ForTask, frozen=True, kw_only=True):
    session_id: Reference


class ForProcess(Command, frozen=True, kw_only=True):
    process_id: Reference
    task_id: Reference | None = None
    """May be named as in every other command about a task; it has to be the process's own then."""


class ForJob(Command, frozen=True, kw_only=True):
    job_id: Reference
