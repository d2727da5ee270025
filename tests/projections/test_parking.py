"""A commit that cannot be read or folded: its aggregate waits, and goes on where somebody decided about it."""

import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from events.commit import Commit, Event, Recorded
from events.fact import Fact
from events.ids import Position, SessionId
from events.log import PoisonRetried, PoisonSkipped
from events.memory import MemoryStore
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.read_models import open_read_models
from projectors.rows import Rows
from tests import facts
from tests.facts import commit
from tests.projections.histories import TASKS, histories
from tests.projections.log import recorded
from tests.projections.test_properties import Stored, opened, stored
from tests.projections.world import Client, World, element

TASK = "task/task_1"
WORKSPACE = "workspace/org_1"
TRANSCRIPT = f"transcript/{facts.SESSION}"
UNREADABLE = b'{"at":7,"actor":"usr_x","events":[{"type":"never_heard_of"}]}'

BEGINNING = [
    commit(facts.organization_created()),
    commit(facts.task_created(), facts.session_created()),
]


def skipped(position: int, *, kind: str = "task", id: str = "task_1") -> Commit:
    fact = PoisonSkipped(kind=kind, aggregate_id=id, position=Position(position))  # type: ignore[arg-type]
    return decided(fact)


def retried(*, kind: str = "task", id: str = "task_1") -> Commit:
    return decided(PoisonRetried(kind=kind, aggregate_id=id))  # type: ignore[arg-type]


def decided(fact: Fact) -> Commit:
    return commit(fact, command_id="decision", at=9000)  # type: ignore[arg-type]


def unreadable(position: int, subject: str = "evt.task.task_1") -> Recorded:
    broken = recorded(commit(facts.task_renamed()), position)
    broken.subject = subject
    broken.body = UNREADABLE
    return broken


async def apply(world: World, *log: Recorded) -> None:
    for one in log:
        await world.models.apply([one])


async def poisoned(world: World) -> None:
    """Position 3 cannot be decoded, and two commits wait behind it."""
    await world.happen(*BEGINNING)
    await apply(
        world,
        unreadable(3),
        recorded(commit(facts.task_renamed(title="Later")), 4),
        recorded(commit(facts.organization_updated(name="Others")), 5),
        recorded(commit(facts.issue_raised()), 6),
    )


async def test_the_rows_of_a_waiting_task_say_so_and_everybody_else_goes_on(world: World) -> None:
    await poisoned(world)

    task = await world.view(TASK)
    assert task["title"] == "Fix login"
    [issue] = task["issues"]
    assert (issue["code"], issue["at"], issue["resolved_at"]) == ("unreadable", 7, None)
    assert "position 3" in issue["message"]
    workspace = await world.view(WORKSPACE)
    assert workspace["name"] == "Others"
    assert element(workspace, "tasks", "task_1")["issue_count"] == 1
    assert await world.models.version(TASK) == 3


async def test_skipping_folds_what_waited_at_the_position_of_the_decision(world: World) -> None:
    await poisoned(world)
    client = Client(TASK, Position(3), await world.view(TASK))
    before = len(world.told)

    await apply(world, recorded(skipped(3), 7))

    task = await world.view(TASK)
    assert task["title"] == "Later"
    states = {issue["code"]: issue["resolved_at"] for issue in task["issues"]}
    assert states["unreadable"] == 9000
    assert len(states) == 2
    assert element(await world.view(WORKSPACE), "tasks", "task_1")["issue_count"] == 1
    [change] = [change for change in world.told[before:] if change.topic == TASK]
    assert (change.base, change.version) == (3, 7)
    cause = msgspec.json.decode(change.cause)
    assert (cause["event"], cause["position"], cause["command_id"]) == (
        *("poison_skipped", 7),
        "decision",
    )
    client.apply(change)
    assert client.data == task
    assert not any(world.models.parked().values())
    await apply(world, recorded(commit(facts.task_renamed(title="Goes on")), 8))
    assert (await world.view(TASK))["title"] == "Goes on"


async def test_a_number_no_file_can_hold_parks_its_transcript_and_not_the_node(
    world: World,
) -> None:
    await world.happen(*BEGINNING)
    huge = facts.entries_appended(facts.entry("text"), first_index=2**70)
    await apply(
        world,
        recorded(commit(huge), 3),
        recorded(commit(facts.entries_appended(facts.entry("text"), first_index=1)), 4),
        recorded(commit(facts.task_renamed(title="Later")), 5),
    )

    assert (await world.view(TASK))["title"] == "Later"
    assert (await world.view(TRANSCRIPT))["entries"] == []
    [parked] = world.models.parked()["transcript"]
    assert (parked.subject, parked.position) == (f"evt.transcript.{facts.SESSION}", 3)
    assert "cannot be folded" in parked.reason

    await apply(world, recorded(skipped(3, kind="transcript", id=facts.SESSION), 6))

    assert [one["index"] for one in (await world.view(TRANSCRIPT))["entries"]] == [1]


async def test_a_retry_of_what_still_cannot_be_read_changes_nothing_but_is_survived(
    world: World,
) -> None:
    await poisoned(world)
    before = await world.view(TASK)

    await apply(world, recorded(retried(), 7))

    assert await world.view(TASK) == before
    [parked] = world.models.parked()["task_detail"]
    assert parked.position == 3


async def test_what_waits_behind_a_skipped_commit_waits_again_if_it_is_no_better(
    world: World,
) -> None:
    await world.happen(*BEGINNING)
    await apply(
        world,
        unreadable(3),
        recorded(commit(facts.task_renamed(title="Between")), 4),
        unreadable(5),
        recorded(commit(facts.task_renamed(title="Behind")), 6),
        recorded(skipped(3), 7),
    )

    task = await world.view(TASK)
    assert task["title"] == "Between"
    assert {issue["resolved_at"] for issue in task["issues"]} == {None, 9000}
    assert element(await world.view(WORKSPACE), "tasks", "task_1")["issue_count"] == 1

    await apply(world, recorded(skipped(5), 8))

    assert (await world.view(TASK))["title"] == "Behind"
    assert element(await world.view(WORKSPACE), "tasks", "task_1")["issue_count"] == 0


async def test_a_retry_folds_what_could_not_be_folded_before(tmp_path: Path) -> None:
    detail = next(one for one in PROJECTIONS if one.name == "task_detail")
    mended = False

    def breaks(rows: Rows, event: Event, commit: Commit) -> None:
        if getattr(event, "title", "") == "Bad" and not mended:
            raise ValueError("a mistake in a library")
        detail.project(rows, event, commit)

    broken = replace(detail, project=breaks)
    async with open_read_models(tmp_path, MemoryStore(), projections=[broken]) as models:
        world = World(models, MemoryStore(), tmp_path)
        await world.happen(*BEGINNING, commit(facts.task_renamed(title="Bad")))
        assert (await world.view(TASK))["title"] == "Fix login"
        mended = True

        await apply(world, recorded(retried(), 4))

        assert (await world.view(TASK))["title"] == "Bad"
        assert await models.version(TASK) == 4
        assert models.parked()["task_detail"] == ()


def folded(projection: Projection, log: list[Recorded], sizes: list[int]) -> Stored:
    """All rows after folding batches of these sizes, as a rebuild does; the file is opened anew between them."""
    with tempfile.TemporaryDirectory() as folder:
        start = 0
        for size in [*sizes, len(log)]:
            projector: Projector = opened(projection, folder)
            for one in log[start : start + size]:
                projector.fold(one, logging_changes=False)
            projector.flush(forget_changes=True)
            projector.close()
            start += size
        return stored(projector)


@given(histories(), st.data(), st.sampled_from(PROJECTIONS))
@settings(deadline=None, max_examples=60)
def test_decisions_about_poison_give_the_same_rows_on_every_node(
    commits: list[Commit], data: st.DataObject, projection: Projection
) -> None:
    log: list[Recorded] = []
    bad: list[int] = []
    for one in commits:
        log.append(recorded(one, len(log) + 1))
        match data.draw(st.sampled_from(["", "", "", "poison", "skip", "retry"])):
            case "poison":
                log.append(
                    unreadable(len(log) + 1, f"evt.task.{data.draw(st.sampled_from(TASKS))}")
                )
                bad.append(len(log))
            case "skip" if bad:
                at = data.draw(st.sampled_from(bad))
                id = log[at - 1].subject.rpartition(".")[2]
                log.append(recorded(skipped(at, id=id), len(log) + 1))
            case "retry":
                log.append(recorded(retried(id=data.draw(st.sampled_from(TASKS))), len(log) + 1))
            case _:
                pass
    sizes = data.draw(st.lists(st.integers(1, 20), max_size=6))

    assert folded(projection, log, sizes) == folded(projection, log, [])


async def test_another_session_of_a_waiting_task_is_not_there_yet(world: World) -> None:
    await poisoned(world)
    session = SessionId("ses_2")
    await apply(world, recorded(commit(facts.session_created(session=session)), 7))
    assert len((await world.view(TASK))["sessions"]) == 1

    await apply(world, recorded(skipped(3), 8))

    assert len((await world.view(TASK))["sessions"]) == 2
    assert await world.models.version(f"transcript/{session}") == 8
