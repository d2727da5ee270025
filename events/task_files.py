"""Facts about the files of a task: its tree, and what differs from where it began."""

from typing import Literal

from msgspec import Struct

from events.fact import Blob, TaskFact

CONTENT_BYTES = 1 << 20
PATCH_BYTES = 1 << 20
"""Longer contents and patches are not carried, the file is listed without."""

TOTAL_BYTES = 24 << 20
"""All contents, and all patches, of one capture together."""


class ChangedFile(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One file that differs from the task's base. `diff` or `diff_blob` holds its patch, `content` its new text.

    Without either the patch was too long to be carried, and so was the content, if the tree has it.
    """

    path: str
    kind: Literal["added", "modified", "deleted", "renamed"]
    added: int
    removed: int
    binary: bool = False
    diff: str | None = None
    diff_blob: Blob | None = None
    content: str | None = None
    content_blob: Blob | None = None


class TreeFile(Struct, frozen=True, kw_only=True, gc=False):
    path: str
    size: int


class TreeChanged(TaskFact, frozen=True, kw_only=True, tag="tree_changed"):
    """What differs from the file tree captured before; a long list is spread over several commits."""

    put: tuple[TreeFile, ...] = ()
    removed: tuple[str, ...] = ()


class FilesCaptured(TaskFact, frozen=True, kw_only=True, tag="files_captured"):
    """The git state after a turn or on request: every file that differs between `base` and the tree `tree_id`.

    Of very many only the first are listed; `omitted` counts the others, `tree_omitted` those of the whole tree.
    """

    base: str
    tree_id: str
    files: tuple[ChangedFile, ...]
    omitted: int = 0
    tree_omitted: int = 0


class FilesOutdated(TaskFact, frozen=True, kw_only=True, tag="files_outdated"):
    """Something may have changed since the last capture; another one is `queued` or `running`."""

    status: Literal["queued", "running", "stale"]
