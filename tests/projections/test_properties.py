"""The rows are the same however the log comes, and what clients are told adds up to what they would read."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from events.commit import Commit, Recorded
from events.fact import TaskFact
from events.memory import MemoryStore
from projectors.catalog import PROJECTIONS
from projectors.file import ProjectionFile
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.read_models import open_read_models
from tests.projections.histories import TASKS, histories
from tests.projections.log import log_of
from tests.projections.world import Client, World

Stored = list[tuple[object, ...]]


def opened(projection: Projection, folder: str) -> Projector:
    path = Path(folder) / f"{projection.name}.sqlite3"
    return Projector(projection, "e", ProjectionFile(path, numbered=projection.numbered))


def stored(projector: Projector) -> Stored:
    """All rows and versions of a closed file."""
    with closing(sqlite3.connect(projector.file.path)) as db:
        rows = db.execute("SELECT * FROM rows ORDER BY topic, entity, place, id").fetchall()
        topics = db.execute("SELECT * FROM topics ORDER BY topic").fetchall()
        return rows + topics


def folded_live(projection: Projection, log: list[Recorded]) -> Stored:
    with tempfile.TemporaryDirectory() as folder:
        projector = opened(projection, folder)
        for commit in log:
            projector.fold(commit, logging_changes=True)
            projector.flush()
        projector.close()
        return stored(projector)


@given(histories(), st.lists(st.integers(1, 20), min_size=1), st.sampled_from(PROJECTIONS))
@settings(deadline=None, max_examples=60)
def test_any_batching_gives_the_rows_of_single_commits(
    commits: list[Commit], sizes: list[int], projection: Projection
) -> None:
    log = log_of(commits)

    with tempfile.TemporaryDirectory() as folder:
        projector = opened(projection, folder)
        start = 0
        while start < len(log):
            size = sizes[start % len(sizes)]
            for commit in log[start : start + size]:
                projector.fold(commit, logging_changes=False)
            projector.flush(forget_changes=True)
            start += size
        projector.close()

        assert stored(projector) == folded_live(projection, log)


@given(histories(), st.data(), st.sampled_from(PROJECTIONS))
@settings(deadline=None, max_examples=60)
def test_a_crash_at_any_commit_and_what_comes_again_change_no_row(
    commits: list[Commit], data: st.DataObject, projection: Projection
) -> None:
    log = log_of(commits)
    crash = data.draw(st.integers(0, len(log)))
    lost = data.draw(st.integers(0, len(log) - crash))
    again = data.draw(st.integers(0, crash))

    with tempfile.TemporaryDirectory() as folder:
        projector = opened(projection, folder)
        for commit in log[:crash]:
            projector.fold(commit, logging_changes=True)
            projector.flush()
        for commit in log[crash : crash + lost]:
            projector.fold(commit, logging_changes=True)
        projector.file.close()
        projector = opened(projection, folder)
        for commit in log[: crash - again] + log:
            projector.fold(commit, logging_changes=True)
            projector.flush()
        projector.close()

        assert stored(projector) == folded_live(projection, log)


@given(histories())
@settings(deadline=None, max_examples=60)
async def test_changes_applied_to_a_snapshot_equal_the_later_snapshot(
    commits: list[Commit],
) -> None:
    clients: dict[str, Client] = {}
    store = MemoryStore()

    with tempfile.TemporaryDirectory() as folder:
        async with open_read_models(Path(folder), store) as models:
            world = World(models, store, Path(folder))
            for commit in commits:
                for change in await world.happen(commit):
                    assert change.version == models.position
                    snapshot = await models.snapshot(change.topic)
                    assert snapshot is not None
                    assert snapshot.version == change.version
                    data = msgspec.json.decode(snapshot.data)
                    if change.topic in clients:
                        clients[change.topic].apply(change)
                        assert clients[change.topic].data == data
                    else:
                        assert change.base == 0
                        clients[change.topic] = Client(change.topic, snapshot.version, data)


@given(histories(), st.data())
@settings(deadline=None, max_examples=40)
async def test_a_client_that_was_away_is_told_exactly_what_it_missed(
    commits: list[Commit], data: st.DataObject
) -> None:
    away = data.draw(st.integers(1, len(commits)))
    store = MemoryStore()

    with tempfile.TemporaryDirectory() as folder:
        async with open_read_models(Path(folder), store) as models:
            world = World(models, store, Path(folder))
            seen = {change.topic for change in await world.happen(*commits[:away])}
            held = {topic: await models.snapshot(topic) for topic in seen}
            told = await world.happen(*commits[away:])
            for topic, snapshot in held.items():
                assert snapshot is not None
                client = Client(topic, snapshot.version, msgspec.json.decode(snapshot.data))
                missed = await models.changes(topic, models.position.__class__(away))
                assert missed == [change for change in told if change.topic == topic] or (
                    not missed and not [change for change in told if change.topic == topic]
                )
                for change in missed or ():
                    client.apply(change)
                assert client.data == await world.view(topic)


@given(histories(), st.sampled_from(PROJECTIONS))
@settings(deadline=None, max_examples=60)
def test_events_of_one_task_never_touch_the_rows_of_another(
    commits: list[Commit], projection: Projection
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        projector = opened(projection, folder)
        for commit in log_of(commits):
            projector.fold(commit, logging_changes=True)
            event = commit.commit.events[0]
            others = {f"{kind}/{task}" for kind in ("task", "files", "processes") for task in TASKS}
            if isinstance(event, TaskFact):
                others -= {f"{kind}/{event.task_id}" for kind in ("task", "files", "processes")}
                assert not others & projector.rows.pending.keys()
            projector.flush()
        projector.close()
