"""The files of a task: shown while a turn still changes them, and never told twice."""

from pathlib import Path
from typing import Any

from tests.system.people import House, turn_is_over

SCRIPT = """echo one > early.txt
until [ -e go ]; do sleep 0.05; done
echo two > late.txt
rm go
"""


async def test_files_are_shown_while_the_turn_still_runs_and_again_at_its_end(
    house: House,
) -> None:
    created = await house.create_task(SCRIPT)
    task_id = created.ids["task_id"]
    files, task = f"files/{task_id}", f"task/{task_id}"

    async with house.owner.stream(files, task) as stream:
        early = await stream.until_data(files, _has("early.txt"), 60)
        shown = [early["status"], *(file["id"] for file in early["files"])]
        running = stream.held[task].data["status"]
        second = await house.owner.command("agent_session.create", task_id=task_id)
        await house.owner.command(
            "agent_session.send",
            task_id=task_id,
            session_id=second.ids["session_id"],
            text="touch go",
        )
        late = await stream.until_data(files, _has("late.txt"), 60)

    assert running == "running"
    assert shown == ["fresh", "early.txt"]
    assert "early.txt" in [file["id"] for file in late["files"]]


async def test_what_a_process_does_to_files_is_shown_while_it_runs(house: House) -> None:
    created = await house.finished_task()
    task_id = created.ids["task_id"]
    files, processes = f"files/{task_id}", f"processes/{task_id}"
    script = "while read name; do echo made > $name; done"

    async with house.owner.stream(files, processes) as stream:
        await house.owner.command(
            "process.start",
            task_id=task_id,
            process_id="proc_writer",
            command="sh",
            args=["-c", script],
        )
        await house.owner.command("process.write", process_id="proc_writer", text="made.txt\n")
        shown = await stream.until_data(files, _has("made.txt"), 30)
        (process,) = stream.held[processes].data["processes"]

    assert shown["status"] == "fresh"
    assert process["status"] == "running"


async def test_a_turn_that_changes_no_file_tells_nothing_about_files(house: House) -> None:
    created = await house.finished_task("echo one > new.txt")
    task_id = created.ids["task_id"]
    files, task = f"files/{task_id}", f"task/{task_id}"

    async with house.owner.stream(files, task) as stream:
        before = await stream.until_data(files, _has("new.txt"))
        seen = len(stream.seen)
        for text in ("true", "echo two > other.txt"):
            await house.owner.command(
                "agent_session.send",
                task_id=task_id,
                session_id=created.ids["session_id"],
                text=text,
            )
        await stream.until_data(files, _has("other.txt"))
        await stream.until_data(task, turn_is_over)
        told = [
            event
            for event in stream.seen[seen:]
            if event.name == "change" and event.data["topic"] == files
        ]

    assert before["status"] == "fresh"
    assert [event.data["cause"]["event"] for event in told] == ["tree_changed"]


def _has(name: str) -> Any:
    return lambda view: any(file["id"] == name for file in view["files"])


async def test_a_refresh_of_the_repository_looks_at_the_working_trees_too(house: House) -> None:
    created = await house.finished_task("echo one > asked.txt")
    task_id = created.ids["task_id"]
    view = await house.owner.data(f"task/{task_id}")
    Path(view["sandboxes"][0]["path"], "behind.txt").write_text("written by nobody Foundry knows\n")

    async with house.owner.stream(f"files/{task_id}") as stream:
        await house.owner.command("repository.refresh", repository_id=house.repository_id)
        files = await stream.until_data(f"files/{task_id}", _has("behind.txt"))

    assert "asked.txt" in [file["id"] for file in files["files"]]
