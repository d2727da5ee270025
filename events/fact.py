"""What all stored facts have in common."""

from msgspec import Struct

from events.ids import OrganizationId, RepositoryId, TaskId


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"):
    """An event: past tense, stored for ever under the tag its class writes out.

    A class may be renamed, a tag may not. A field may be added with a default; any other change
    of shape takes a new `FORMAT` and an upcaster in `events/upcasters.py`.

    What was decoded cannot refer to itself, so no fact and no part of one is searched for cycles
    (`gc=False`): it would be a fifth of all the work when a long log is folded.
    """


class Blob(Struct, frozen=True, kw_only=True, gc=False):
    """Content over 256 KB that lives in the object store; the log carries this instead.

    `id` is the lower-case hex SHA-256 of the content, `size` its length in bytes.
    """

    id: str
    size: int


class Attachment(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A place in a file that a person points at in a message or a draft."""

    id: str
    path: str
    line: int | None = None
    text: str | None = None


class TaskFact(Fact, frozen=True, kw_only=True):
    """The owners of the task stand in each of its facts, so that no reader has to look them up."""

    task_id: TaskId
    organization_id: OrganizationId
    repository_id: RepositoryId
