"""Commands made for a version: `If-Match` and `expected_version`."""

import pytest

from commands.aggregates import Aggregates
from commands.session_reports import session_ready
from commands.task import TASK
from events.ids import Position, SessionId
from events.log_prefix import CommitFingerprint, LogFingerprint, note_cut
from events.memory import MemoryStore
from runtime.errors import Conflict
from runtime.problems import VersionMismatch
from tests import facts
from tests.commands.node import Node, acme, task_of
from tests.commands.test_aggregates import put


async def test_a_version_older_than_the_last_command_does_not_match(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"]}
    await node.submit(place.owner, "task.rename", title="One", **task)

    for asked in (
        {"if_match": f'"{made.position}"'},
        {"if_match": f'W/"abc-1.{made.position}"'},
        {"if_match": '"something else"'},
        {"expected_version": made.position},
    ):
        with pytest.raises(VersionMismatch):
            await node.submit(place.owner, "task.rename", title="Two", **task, **asked)


@pytest.mark.parametrize("spelling", ['"{}"', 'W/"e-1.{}"', '"x", "e.{}"', "{}", "*"])
async def test_a_version_at_the_last_command_matches_however_it_is_spelt(
    node: Node, spelling: str
) -> None:
    place = await acme(node)
    made = await task_of(node, place)

    answer = await node.submit(
        place.owner,
        "task.rename",
        if_match=spelling.format(made.position),
        task_id=made.ids["task_id"],
        title="One",
    )

    assert answer.events == ["task_renamed"]


async def test_who_is_told_of_a_change_is_told_what_to_name_next(node: Node) -> None:
    place = await acme(node)
    select = {"organization_id": place.organization_id}
    token = await node.submit(place.owner, "token.create")

    with pytest.raises(VersionMismatch) as refused:
        await node.submit(place.owner, "organization.select", **select, expected_version=1)
    answer = await node.submit(
        place.owner, "organization.select", **select, if_match=f'"{token.position}"'
    )

    assert f"?at_least={token.position}" in refused.value.detail
    assert answer.events == ["organization_selected"]


async def test_what_is_written_to_a_process_does_not_count_as_a_change(
    memory_store: MemoryStore,
) -> None:
    begun = facts.commit(facts.task_created(), facts.process_requested(), command_id="c1")
    await put(memory_store, begun)
    written = await put(memory_store, facts.commit(facts.process_input(), command_id="c2"))

    task = await Aggregates(memory_store).load(TASK, facts.TASK)
    stopped = facts.commit(facts.process_stop_requested(), command_id="c3")
    stop = await put(memory_store, stopped)
    later = await Aggregates(memory_store).load(TASK, facts.TASK)

    assert (task.position, task.command_position) == (written.position, 1)
    assert later.command_position == stop.position


async def test_what_workers_report_does_not_count_as_a_change(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    await node.reports.report(
        TASK,
        made.ids["task_id"],
        lambda task: session_ready(task, session_id=SessionId(made.ids["session_id"])),
        report_id="ready",
    )

    answer = await node.submit(
        place.owner,
        "task.rename",
        task_id=made.ids["task_id"],
        title="One",
        expected_version=made.position,
    )

    assert answer.events == ["task_renamed"]


async def test_nothing_matches_any_version_of_what_is_not_there(node: Node) -> None:
    with pytest.raises(VersionMismatch):
        await node.submit(await node.owner(), "organization.create", if_match="*", name="Acme")


@pytest.mark.parametrize("version", [{"expected_version": 0}, {"if_match": '"0"'}])
@pytest.mark.parametrize("name", ["organization.create", "user.create", "task.create"])
async def test_the_version_of_what_is_there_already_is_not_told_by_a_create(
    node: Node, name: str, version: dict[str, object]
) -> None:
    place = await acme(node)
    there = await task_of(node, place)
    ann = await node.person(place.owner, "Ann")
    rival = await acme(node, await node.person(place.owner, "Rival"))
    fields: dict[str, dict[str, object]] = {
        "organization.create": {"name": "Acme", "organization_id": place.organization_id},
        "user.create": {"name": "Ann", "user_id": ann.user_id},
        "task.create": {
            "prompt": "true",
            "repository_id": rival.repository_id,
            "task_id": there.ids["task_id"],
        },
    }

    with pytest.raises(Conflict) as refused:
        await node.submit(rival.owner, name, **fields[name], **version)

    assert refused.value.code == "already_exists"


async def test_a_tag_from_before_a_cut_of_the_log_matches_nothing(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"]}
    fingerprint = LogFingerprint((CommitFingerprint(Position(999), "lost"),))
    await note_cut(node.store, fingerprint)
    await node.reached(await node.store.head())
    mark = node.directory.last_cut

    for tag in ('"e.999"', '"e-1.999"', '"e-another.999"'):
        with pytest.raises(VersionMismatch):
            await node.submit(place.owner, "task.rename", title="One", if_match=tag, **task)
    answer = await node.submit(
        place.owner, "task.rename", title="One", if_match=f'"e-1-{mark}.{made.position}"', **task
    )

    assert answer.events == ["task_renamed"]
