"""What a turn says, cut into commits."""

from commands.aggregates import Aggregates
from commands.reports import Reports
from events.ids import Timestamp
from events.memory import MemoryStore
from events.store import subject_of
from events.transcript import EntriesAppended, Entry
from tests import facts
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import COMMIT_BYTES, COMMIT_ENTRIES, TranscriptWriter


async def stored(*texts: str) -> list[tuple[int, int]]:
    """How many entries, and how many bytes of text, stand in each commit."""
    store = MemoryStore()
    reports = SteadyReports(Reports(store, Aggregates(store), lambda: Timestamp(1)))
    writer = TranscriptWriter(
        reports,
        store,
        organization_id=facts.ORGANIZATION,
        task_id=facts.TASK,
        session_id=facts.SESSION,
    )
    for text in texts:
        writer.add(Entry(sender="agent", kind="agent_message_chunk", at=Timestamp(1), text=text))
    await writer.finish()
    return [
        (len(event.entries), sum(len(entry.text or "") for entry in event.entries))
        for one in await store.load(subject_of("transcript", facts.SESSION))
        for event in one.commit.events
        if isinstance(event, EntriesAppended)
    ]


async def test_what_comes_at_once_is_spread_over_commits_that_the_log_takes() -> None:
    commits = await stored(*["x" * 60_000] * 10)

    assert sum(entries for entries, _ in commits) == 10
    assert max(size for _, size in commits) <= COMMIT_BYTES


async def test_small_things_that_come_at_once_share_a_commit() -> None:
    assert await stored(*["x"] * (COMMIT_ENTRIES + 1)) == [(COMMIT_ENTRIES, COMMIT_ENTRIES), (1, 1)]
