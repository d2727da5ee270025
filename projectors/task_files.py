"""`files/<task>`: what differs from the base, and the tree. Patches and contents are kept hidden, for diffs on request."""

from typing import Literal

from msgspec.structs import replace

from events.fact import Blob
from events.ids import Timestamp
from events.task import SandboxReady, TaskCreated, TaskEvent
from events.task_files import ChangedFile, FilesCaptured, FilesOutdated, TreeChanged, TreeFile
from projectors.blob_referrers import refer
from projectors.rows import Row, Rows


class FilesSelf(Row, frozen=True, kw_only=True):
    """`omitted` counts the files that differ and are not listed, `tree_omitted` those of the tree: there are too many."""

    base: str | None = None
    tree_id: str | None = None
    captured_at: Timestamp | None = None
    status: Literal["queued", "running", "fresh", "stale"] = "stale"
    omitted: int = 0
    tree_omitted: int = 0


class File(Row, frozen=True, kw_only=True):
    """`id` is the path."""

    id: str
    kind: Literal["added", "modified", "deleted", "renamed"]
    added: int
    removed: int
    binary: bool


class TreeRow(Row, frozen=True, kw_only=True):
    """`id` is the path, `size` is in bytes."""

    id: str
    size: int


class Text(Row, frozen=True, kw_only=True):
    """Hidden: a patch or a file's content, here or in the object store; neither is set when there is none to show."""

    text: str | None = None
    blob: Blob | None = None


def project_files(rows: Rows, event: TaskEvent, at: Timestamp) -> None:
    id = event.task_id
    topic = f"files/{id}"
    if isinstance(event, TaskCreated):
        rows.put(topic, "self", id, FilesSelf())
        return
    if not isinstance(event, SandboxReady | FilesCaptured | FilesOutdated | TreeChanged):
        return
    itself = rows.get(topic, "self", id, FilesSelf)
    if itself is None:
        return
    match event:
        case SandboxReady(base=base):
            rows.put(topic, "self", id, replace(itself, base=base))
        case FilesOutdated(status=status):
            rows.put(topic, "self", id, replace(itself, status=status))
        case TreeChanged(put=put, removed=removed):
            _change_tree(rows, topic, put, removed)
        case FilesCaptured():
            _capture(rows, topic, event.files)
            captured = FilesSelf(
                base=event.base,
                tree_id=event.tree_id,
                captured_at=at,
                status="fresh",
                omitted=event.omitted,
                tree_omitted=event.tree_omitted,
            )
            rows.put(topic, "self", id, captured)


def _change_tree(
    rows: Rows, topic: str, put: tuple[TreeFile, ...], removed: tuple[str, ...]
) -> None:
    for path in removed:
        rows.remove(topic, "tree", path)
    for file in put:
        rows.put(topic, "tree", file.path, TreeRow(id=file.path, size=file.size))


def _capture(rows: Rows, topic: str, files: tuple[ChangedFile, ...]) -> None:
    paths = {file.path for file in files}
    for gone in rows.ids(topic, "file"):
        if gone not in paths:
            for entity in ("file", "_diff", "_content"):
                rows.remove(topic, entity, gone)
    for file in files:
        row = File(
            id=file.path,
            kind=file.kind,
            added=file.added,
            removed=file.removed,
            binary=file.binary,
        )
        rows.put(topic, "file", file.path, row)
        rows.put(topic, "_diff", file.path, Text(text=file.diff, blob=file.diff_blob))
        rows.put(topic, "_content", file.path, Text(text=file.content, blob=file.content_blob))
        for blob in (file.diff_blob, file.content_blob):
            if blob is not None:
                refer(rows, blob, topic)
