"""The files that differ, as one commit of the log can hold them: small contents in it, long ones as blobs beside it."""

from collections.abc import Sequence

import msgspec

from events.fact import Blob
from events.store import EventStore
from events.task_files import ChangedFile
from workflows.sandbox import CapturedFile

INLINE_FILE_BYTES = 8 << 10
INLINE_BYTES = 96 << 10

LISTED_BYTES = 640 << 10
"""All that is said of changed files, in the one commit that tells them: it leaves room for a part of the tree."""


async def listed_files(store: EventStore, files: Sequence[CapturedFile]) -> tuple[ChangedFile, ...]:
    """The first of these files, as many as fit into `LISTED_BYTES`; what does not stand in the log is a blob then."""
    inline = INLINE_BYTES
    room = LISTED_BYTES
    listed: list[ChangedFile] = []
    for file in files:
        diff, diff_blob = await _patch(store, file.patch, inline)
        inline -= json_bytes(diff)
        content, content_blob = await _content(store, file.content, inline)
        inline -= json_bytes(content)
        changed = ChangedFile(
            path=file.path,
            kind=file.kind,
            added=file.added,
            removed=file.removed,
            binary=file.binary,
            diff=diff,
            diff_blob=diff_blob,
            content=content,
            content_blob=content_blob,
        )
        # And the comma.
        room -= json_bytes(changed) + 1
        if room < 0:
            break
        listed.append(changed)
    return tuple(listed)


def json_bytes(value: object) -> int:
    """What a value takes in the log, where one character may become six bytes; nothing for None."""
    return 0 if value is None else len(msgspec.json.encode(value))


async def _patch(store: EventStore, text: str | None, room: int) -> tuple[str | None, Blob | None]:
    if text is None or _fits(text, room):
        return text, None
    return None, await store.put_blob(text.encode())


async def _content(
    store: EventStore, content: bytes | None, room: int
) -> tuple[str | None, Blob | None]:
    if content is None:
        return None, None
    if len(content) <= INLINE_FILE_BYTES:
        try:
            if _fits(text := content.decode(), room):
                return text, None
        except UnicodeDecodeError:
            pass
    return None, await store.put_blob(content)


def _fits(text: str, room: int) -> bool:
    return len(text) <= INLINE_FILE_BYTES and json_bytes(text) <= room
