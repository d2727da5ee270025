"""What only query_api asks of the read models: lists of tasks, captured patches and contents, who refers to a blob."""

from collections.abc import Callable, Sequence

from events.fact import Blob
from events.ids import OrganizationId, TaskId
from projectors.catalog import PROJECTION_OF
from projectors.reader import Reader


class Questions:
    """`reader` gives a projection's, or raises `Unavailable` (`rebuilding`)."""

    def __init__(self, reader: Callable[[str], Reader]) -> None:
        self._reader = reader

    async def tasks(
        self,
        organization_id: OrganizationId,
        *,
        status: str | None = None,
        q: str | None = None,
        after: TaskId | None = None,
        limit: int = 50,
    ) -> Sequence[bytes]:
        """Tasks of a workspace as JSON, by id: those with a status, with `q` in title or branch, after an id."""
        return await self._reader("workspace").tasks(
            organization_id, status=status, q=q, after=after, limit=limit
        )

    async def diff(self, task_id: TaskId, path: str) -> str | Blob | None:
        """The patch of a changed file; None when it did not change, or its patch was too long."""
        return await self._reader("task_detail").text(f"files/{task_id}", "_diff", path)

    async def diffs(self, task_id: TaskId) -> Sequence[str | Blob]:
        """The patches of all changed files of one capture, by path."""
        return await self._reader("task_detail").texts(f"files/{task_id}", "_diff")

    async def content(self, task_id: TaskId, path: str) -> str | Blob | None:
        """The new content of a changed file; None when it did not change, is gone, or was too large."""
        return await self._reader("task_detail").text(f"files/{task_id}", "_content", path)

    async def has_changed(self, task_id: TaskId, path: str) -> bool:
        """Whether a file differed at the last capture."""
        return await self._reader("task_detail").has(f"files/{task_id}", "file", path)

    async def is_in_tree(self, task_id: TaskId, path: str) -> bool:
        """Whether there is a file with content at a path."""
        return await self._reader("task_detail").has(f"files/{task_id}", "tree", path)

    async def names_blob(self, topic: str, blob_id: str) -> bool:
        """Whether a topic refers to a blob, so that whoever may see the one may see the other."""
        projection = PROJECTION_OF.get(topic.partition("/")[0])
        return projection is not None and await self._reader(projection).names_blob(topic, blob_id)

    async def blob_referrers(self, blob_id: str, *, limit: int) -> Sequence[str]:
        """Topics that refer to a blob, at most `limit` transcripts and as many tasks' files."""
        return [
            topic
            for projection in ("transcript", "task_detail")
            for topic in await self._reader(projection).referrers(blob_id, limit=limit)
        ]
