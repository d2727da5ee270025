"""Which topics refer to a blob, so that whoever may see one of them may read its large content.

Kept in hidden rows of a topic that is never announced. A reference is not taken back when newer
files replace the content: it was shown to the same people.
"""

from events.fact import Blob
from projectors.rows import Row, Rows


class Referrer(Row, frozen=True):
    """Hidden. It has no fields: its key says all there is."""


def blob_topic(blob_id: str) -> str:
    return f"blob/{blob_id}"


def refer(rows: Rows, blob: Blob, topic: str) -> None:
    """The topic, `transcript/ses_1` or `files/task_1`, shows or offers this content."""
    kind, _, id = topic.partition("/")
    rows.put(blob_topic(blob.id), f"_{kind}", id, Referrer())
