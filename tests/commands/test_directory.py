"""The write side's index finds everything the log names."""

import pytest

from commands.directory import Directory, Located
from commands.keys import command_key
from events.memory import MemoryStore
from runtime.errors import Unavailable
from tests import facts
from tests.commands.node import Node, acme, task_of
from tests.commands.test_aggregates import put


async def test_everything_is_found_where_it_is_ruled(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    organization_id, task_id = place.organization_id, made.ids["task_id"]

    assert await node.directory.locate(made.ids["session_id"]) == Located(
        made.ids["session_id"], "session", organization_id, "task", task_id
    )
    assert await node.directory.locate(place.repository_id) == Located(
        place.repository_id, "repository", organization_id, "organization", organization_id
    )
    assert await node.directory.locate(made.ids["job_id"]) == Located(
        made.ids["job_id"], "job", organization_id, "task", task_id
    )
    assert await node.directory.locate(place.owner.credential_id) == Located(
        place.owner.credential_id, "token", None, "user", "usr_owner"
    )
    assert await node.directory.locate("task_never") is None


async def test_a_question_waits_for_what_was_in_the_log_when_it_was_asked(
    memory_store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = await Directory.open(":memory:", memory_store)
    await put(memory_store, facts.commit(facts.task_created()))
    monkeypatch.setattr("commands.directory.CATCH_UP_SECONDS", 0.01)

    with pytest.raises(Unavailable) as refused:
        await directory.locate("task_1")

    assert refused.value.code == "not_caught_up"
    directory.close()


async def test_open_jobs_are_those_announced_and_not_ended(memory_store: MemoryStore) -> None:
    directory = await Directory.open(":memory:", memory_store)
    announced = facts.commit(facts.task_created(), facts.job_announced())
    history = [
        await put(memory_store, announced),
        await put(memory_store, facts.commit(facts.sandbox_allocated())),
        await put(memory_store, facts.commit(facts.job_opened()), "evt.job.job_1"),
        await put(memory_store, facts.commit(facts.job_started()), "evt.job.job_1"),
        await put(memory_store, facts.commit(facts.job_failed()), "evt.job.job_1"),
        await put(memory_store, facts.commit(facts.job_retry_requested()), "evt.job.job_1"),
        await put(memory_store, facts.commit(facts.job_succeeded()), "evt.job.job_1"),
    ]
    counts = []
    for recorded in history:
        await directory.apply([recorded])
        counts.append(len(directory.open_jobs()))
    again = await Directory.open(":memory:", memory_store)
    await again.apply(history[:4])

    (job,) = again.open_jobs()

    assert counts == [1, 1, 1, 1, 0, 1, 0]
    assert (job.job_id, job.kind, job.task_id) == ("job_1", "task_provision", "task_1")
    assert (job.announced_in, job.announced_by, job.announced_position) == ("task", "task_1", 1)
    assert (job.opened, job.sandbox_host, job.started_on) == (True, "h1", "h1")
    assert again.tasks_on("h1") == ["task_1"]
    assert await directory.tasks_of("repo_1") == ["task_1"]
    directory.close()
    again.close()


async def test_an_id_stays_where_it_was_first_named(memory_store: MemoryStore) -> None:
    directory = await Directory.open(":memory:", memory_store)
    mine = await put(memory_store, facts.commit(facts.session_created()))
    theirs = await put(memory_store, facts.commit(facts.session_created()), "evt.task.task_2")

    await directory.apply([mine, theirs])

    located = directory.located("ses_1")
    assert located is not None
    assert located.aggregate_id == "task_1"
    directory.close()


async def test_a_batch_that_comes_again_changes_nothing(memory_store: MemoryStore) -> None:
    directory = await Directory.open(":memory:", memory_store)
    recorded = await put(memory_store, facts.commit(facts.organization_created(), command_id="c1"))
    left = await put(memory_store, facts.commit(facts.member_removed(user=facts.BERT)))
    await directory.apply([recorded, left])

    await directory.apply([recorded])

    assert directory.checkpoint == left.position
    assert directory.organizations_of(facts.ANNA) == ["org_1"]
    assert directory.key_position(command_key(facts.ANNA, "some.command", "c1")) == 1
    directory.close()
