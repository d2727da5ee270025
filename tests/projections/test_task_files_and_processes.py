"""`files/<task>` and `processes/<task>`."""

from events.fact import Blob
from events.ids import ProcessId
from events.task_files import ChangedFile
from projectors.task_processes import SHOWN
from tests import facts
from tests.facts import TASK, commit
from tests.projections.world import World, begin, element


async def test_captured_files_replace_the_ones_before_and_keep_their_patches(world: World) -> None:
    await begin(world)
    large = ChangedFile(
        path="big", kind="added", added=9, removed=0, diff_blob=Blob(id="ab", size=9), binary=True
    )
    await world.happen(
        commit(facts.sandbox_ready()),
        commit(facts.files_captured(files=(facts.changed_file("gone"), facts.changed_file("a")))),
        commit(
            facts.files_captured(
                files=(facts.changed_file("a", 5, 0), large),
                tree_id="t2",
                omitted=5,
                tree_omitted=7,
            ),
            at=6000,
        ),
        commit(facts.files_outdated()),
    )

    assert await world.view("files/task_1") == {
        "base": "b1",
        "tree_id": "t2",
        "captured_at": 6000,
        "status": "queued",
        "omitted": 5,
        "tree_omitted": 7,
        "files": [
            {"id": "a", "kind": "modified", "added": 5, "removed": 0, "binary": False},
            {"id": "big", "kind": "added", "added": 9, "removed": 0, "binary": True},
        ],
        "tree": [],
    }
    assert await world.models.ask.diff(TASK, "a") == "+a"
    assert await world.models.ask.content(TASK, "a") == "x\n"
    assert await world.models.ask.diff(TASK, "big") == Blob(id="ab", size=9)
    assert await world.models.ask.content(TASK, "big") is None
    assert await world.models.ask.diff(TASK, "gone") is None
    assert await world.models.ask.diffs(TASK) == ["+a", Blob(id="ab", size=9)]
    assert await world.models.ask.blob_referrers("ab", limit=9) == ["files/task_1"]
    assert await world.models.ask.names_blob("files/task_1", "ab")
    assert not await world.models.ask.names_blob("files/task_1", "cd")


async def test_the_tree_is_kept_as_differences(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.tree_changed(put=("a", "b c", "ü"))),
        commit(facts.tree_changed(put=("a2",), removed=("a", "never"))),
    )

    assert (await world.view("files/task_1"))["tree"] == [
        {"id": "a2", "size": 2},
        {"id": "b c", "size": 3},
        {"id": "ü", "size": 1},
    ]


async def test_a_process_is_stopping_only_after_a_signal_that_ends_it(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.process_requested(), facts.process_started()),
        commit(facts.process_stop_requested(signal="SIGINT"), facts.process_input()),
    )
    survived = element(await world.view("processes/task_1"), "processes", "proc_1")["status"]
    await world.happen(commit(facts.process_stop_requested(signal="SIGKILL")))
    killed = element(await world.view("processes/task_1"), "processes", "proc_1")["status"]

    assert (survived, killed) == ("running", "stopping")


async def test_of_processes_that_exited_the_newest_are_shown_and_running_ones_always(
    world: World,
) -> None:
    await begin(world)
    old = [ProcessId(f"proc_{name}") for name in ("runs", "first", "second")]
    await world.happen(commit(*(facts.process_requested(process=id) for id in old)))
    for number in range(SHOWN - 1):
        id = ProcessId(f"proc_x{number}")
        await world.happen(commit(facts.process_requested(process=id)))
        await world.happen(commit(facts.process_exited(process=id)))
        if number == 0:
            await world.happen(*(commit(facts.process_exited(process=id)) for id in old[2:0:-1]))

    late = commit(facts.process_output(process=ProcessId("proc_x0")))
    await world.happen(late)

    shown = [one["id"] for one in (await world.view("processes/task_1"))["processes"]]
    assert len(shown) == SHOWN + 1
    assert "proc_x0" not in shown
    assert set(old) <= set(shown)


async def test_a_process_runs_prints_and_ends(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.process_requested()),
        commit(facts.process_started(), at=2000),
        commit(facts.process_output(tail="half")),
        commit(facts.process_stop_requested()),
        commit(facts.process_exited(exit_code=-15), at=3000),
        commit(facts.process_output(tail="all of it")),
        commit(facts.process_requested(process=ProcessId("proc_2"))),
    )

    processes = await world.view("processes/task_1")
    assert element(processes, "processes", "proc_1") == {
        "id": "proc_1",
        "command": "make",
        "args": ["test"],
        "status": "exited",
        "exit_code": -15,
        "started_at": 2000,
        "exited_at": 3000,
        "tail": "all of it",
    }
    assert element(processes, "processes", "proc_2")["status"] == "queued"
