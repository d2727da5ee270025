import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from events.ids import SandboxId
from tests.process_tree import gone, runs
from tests.workflows.remote import PATH, SANDBOX, said
from workflows.output_tail import OutputTail
from workflows.piped_process import NICE
from workflows.processes import GRACE, Child, Limits, Processes

DETACHED = "env -i setsid sleep 1000 & echo $!; wait"


async def start(processes: Processes, folder: Path, *command: str) -> Child:
    (folder / "home" / "tmp").mkdir(parents=True, exist_ok=True)
    return await processes.start(command, sandbox_id=SANDBOX, cwd=folder, home=folder / "home")


async def first_line(child: Child) -> str:
    async with asyncio.timeout(20):
        return (await child.stdout.readline()).decode().strip()


@pytest.mark.parametrize(
    ("script", "exit_code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -USR1 $$", -10), ("kill -9 $$", -9)],
)
async def test_a_child_ends_as_its_command_did(
    processes: Processes, tmp_path: Path, script: str, exit_code: int
) -> None:
    child = await start(processes, tmp_path, "sh", "-c", script)

    assert await said(child) == (exit_code, "")


async def test_a_command_that_is_not_there_ends_with_127_and_says_so(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "no-such-program")

    assert (await child.stderr.read()).decode() == "no-such-program: No such file or directory\n"
    assert await child.wait() == 127


async def test_a_command_sees_nothing_of_the_workers_environment_but_what_is_meant_for_it(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "env")

    names = {line.partition("=")[0] for line in (await said(child))[1].splitlines()}
    assert names == {
        *("PATH", "LANG", "HOME", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM"),
        *("GIT_TERMINAL_PROMPT", "SANDBOX_MARK"),
    }


async def test_limits_hold_and_signals_have_their_usual_meaning(tmp_path: Path) -> None:
    processes = Processes(
        owner=str(tmp_path), environ={"PATH": PATH}, limits=Limits(open_files=64, memory=1 << 32)
    )

    child = await start(processes, tmp_path, "sh", "-c", "ulimit -n; ulimit -c; yes | head -n 1")

    assert await said(child) == (0, "64\n0\ny\n")


async def test_stopping_ends_what_a_command_started_and_hid(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "sh", "-c", DETACHED)
    hidden = int(await first_line(child))

    await child.stop()

    assert await gone(hidden)


async def test_what_a_command_leaves_behind_ends_with_it(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "sh", "-c", "(sleep 1000 & echo $!)")

    _, pid = await said(child)

    assert await gone(int(pid))


async def test_a_command_that_does_not_obey_is_ended_by_force(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(
        processes, tmp_path, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    )
    await first_line(child)

    async with asyncio.timeout(GRACE + 5):
        assert await child.stop() == -signal.SIGKILL


async def test_other_signals_reach_the_command(processes: Processes, tmp_path: Path) -> None:
    child = await start(
        processes,
        tmp_path,
        "sh",
        "-c",
        "trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.1; done",
    )
    await first_line(child)

    child.send(signal.SIGHUP)

    assert await said(child) == (3, "hup\n")


async def test_what_we_ignore_under_nohup_still_ends_the_command(
    processes: Processes, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        child = await start(processes, tmp_path, "sh", "-c", "echo ready; exec sleep 1000")
        await first_line(child)
    finally:
        signal.signal(signal.SIGHUP, before)

    child.send(signal.SIGHUP)

    async with asyncio.timeout(20):
        assert await child.wait() == -signal.SIGHUP


async def test_commands_are_nicer_than_the_worker(processes: Processes, tmp_path: Path) -> None:
    child = await start(processes, tmp_path, "nice")

    assert await said(child) == (0, f"{min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)}\n")


async def test_ending_a_sandbox_leaves_other_sandboxes_alone(
    processes: Processes, tmp_path: Path
) -> None:
    one = await start(processes, tmp_path, "sleep", "1000")
    other = await processes.start(
        ["sleep", "1000"], sandbox_id=SandboxId("sbx_10"), cwd=tmp_path, home=tmp_path / "home"
    )

    await processes.end_all(SANDBOX)

    assert one.exit_code is not None
    assert other.exit_code is None
    assert runs(other.pid)


async def test_leftovers_whose_supervisor_was_killed_are_found_by_their_mark(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "sh", "-c", "setsid sleep 1000 & echo $!; wait")
    stranger = await asyncio.create_subprocess_exec("sleep", "1000")
    leftover = int(await first_line(child))
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()

    assert runs(leftover)
    await Processes(owner=str(tmp_path), environ={}).end_leftovers()
    assert await gone(leftover)
    assert stranger.returncode is None

    stranger.kill()
    await stranger.wait()


async def test_leftovers_of_another_data_folder_are_not_touched(
    processes: Processes, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "sleep", "1000")

    await Processes(owner=f"{tmp_path}/other", environ={}).end_leftovers()
    await Processes(owner=str(tmp_path)[:-1], environ={}).end_leftovers()

    assert child.exit_code is None


async def test_when_the_worker_is_killed_all_ends(tmp_path: Path) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(_WORKER), str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    supervisor, hidden = map(int, (await worker.stdout.readline()).split())

    worker.kill()
    await worker.wait()

    assert await gone(supervisor)
    assert await gone(hidden)


_WORKER = """
    import asyncio, os, sys
    from pathlib import Path
    from workflows.processes import Processes

    async def main() -> None:
        folder = Path(sys.argv[1])
        processes = Processes(owner=str(folder), environ=os.environ)
        child = await processes.start(
            ["sh", "-c", "env -i setsid sleep 1000 & echo $!; wait"],
            sandbox_id="sbx_1", cwd=folder, home=folder,
        )
        hidden = (await child.stdout.readline()).decode().strip()
        print(child.pid, hidden, flush=True)
        await child.wait()

    asyncio.run(main())
"""


def test_of_an_output_the_newest_lines_are_kept() -> None:
    tail = OutputTail(10)

    for number in range(1000):
        tail.add(f"line {number}\n".encode())

    assert tail.text() == "line 999\n"
    assert tail.total == 8890


@pytest.mark.parametrize("limit", [9, 10, 11, 12])
def test_a_tail_without_lines_begins_with_a_whole_character(limit: int) -> None:
    tail = OutputTail(limit)

    tail.add(("x" * 20 + "🙂" * 9).encode())

    assert tail.text() == "🙂" * (limit // 4)
