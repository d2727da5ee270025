"""The gateway on the read models it has in production: rows, change log and dispatch as they are."""

from pathlib import Path

import msgspec

from events.commit import Commit
from events.memory import MemoryStore
from projectors.read_models import open_read_models
from tests import facts
from tests.facts import commit
from tests.gateway.node import running
from tests.projections.world import World

BEGINNING = (
    commit(facts.organization_created()),
    commit(facts.repository_added()),
    commit(facts.task_created()),
)


def renamed(title: str, command_id: str) -> Commit:
    return commit(facts.task_renamed(title=title), command_id=command_id)


async def test_a_stream_follows_the_read_models_and_comes_back_to_them(tmp_path: Path) -> None:
    store = MemoryStore()
    topics = ("workspace/org_1", "task/task_1")
    async with open_read_models(tmp_path, store) as models, running(read_side=models) as node:
        world = World(models, store, tmp_path)
        await world.happen(*BEGINNING)

        async with node.stream(*topics) as first:
            await first.until("ready")
            await world.happen(renamed("One", "c-1"))
            for topic in topics:
                await first.until_version(topic, models.position)
        await world.happen(renamed("Two", "c-2"), renamed("Three", "c-3"))
        async with node.stream(*topics, cursor=first.last_id, held=first.held) as second:
            await second.until("ready")

        for topic in topics:
            snapshot = await models.snapshot(topic)
            assert snapshot is not None
            assert second.held[topic].version == snapshot.version
            assert second.held[topic].document.data == msgspec.json.decode(snapshot.data)

    live = [event.data["cause"] for event in first.seen if event.name == "change"]
    missed = [event.data["cause"] for event in second.seen if event.name == "change"]
    assert {(one["kind"], one["command_id"]) for one in live} == {("event", "c-1")}
    assert {(one["kind"], one["command_id"]) for one in missed} == {
        ("resume", "c-2"),
        ("resume", "c-3"),
    }
    assert "snapshot" not in {event.name for event in second.seen}
