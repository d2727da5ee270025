"""One process at somebody's request: real children, and what its history asks of it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from events.commit import Event, Recorded
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from events.store import ALL, Limit, subject_of
from runtime.errors import Unavailable
from tests import facts
from tests.process_tree import gone
from tests.workflows.remote import SANDBOX
from workflows import once_answered
from workflows.processes import Processes
from workflows.running_process import INPUT_BYTES, TAIL_BYTES, TELL_SECONDS, RunningProcess


class Away(MemoryStore):
    """Answers no question about a history for the next `silences` times."""

    silences = 0

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        if self.silences:
            self.silences -= 1
            raise Unavailable("There is no leader.")
        return await super().load(subject, after=after, limit=limit)


class Desk:
    """Starts processes, asks things of them through the history, and hears what is told."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self.store = Away()
        self._asked = 0
        self.told: list[str] = []
        self._news = asyncio.Condition()
        self.running: RunningProcess | None = None
        self.ended: asyncio.Task[tuple[int | None, str | None]] | None = None

    async def start(self, script: str, requested_position: Position = BEGINNING) -> None:
        child = await self._processes.start(
            ["sh", "-c", script], sandbox_id=SANDBOX, cwd=self._folder, home=self._folder
        )
        self.running = RunningProcess(
            child,
            task_id=facts.TASK,
            process_id=facts.PROCESS,
            requested_position=requested_position,
            store=self.store,
            tell=self._tell,
        )
        self.ended = asyncio.create_task(self.running.run())

    async def ask(self, *events: Event) -> None:
        last = await self.store.last(subject_of("task", facts.TASK))
        self._asked += 1
        await self.store.append(
            subject_of("task", facts.TASK),
            facts.commit(*events),
            expected=last.position if last else 0,  # type: ignore[arg-type]
            message_id=f"m{self._asked}",
        )
        if self.running is not None:
            self.running.look()

    async def hears(self, wanted: Callable[[str], bool]) -> str:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self.told and wanted(self.told[-1]))
        return self.told[-1]

    async def end(self) -> tuple[int | None, str | None]:
        assert self.ended is not None
        async with asyncio.timeout(20):
            return await self.ended

    async def _tell(self, tail: str) -> None:
        async with self._news:
            self.told.append(tail)
            self._news.notify_all()


@pytest.fixture
async def desk(processes: Processes, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(processes, tmp_path)
    yield desk
    if desk.ended is not None:
        desk.ended.cancel()
        await asyncio.wait([desk.ended])


async def test_output_is_told_while_it_runs_and_the_end_with_its_code(desk: Desk) -> None:
    await desk.start("echo one; echo two >&2; read line; echo got $line; exit 3")

    await desk.hears(lambda tail: "one" in tail and "two" in tail)
    await desk.ask(facts.process_input(text="yes\n"))
    exit_code, tail = await desk.end()

    assert exit_code == 3
    assert (tail or desk.told[-1]).endswith("got yes\n")


async def test_what_was_asked_before_the_start_reaches_it_once_and_in_order(desk: Desk) -> None:
    await desk.ask(facts.process_input(text="a\n"), facts.process_input(text="b\n"))

    await desk.start("read a; read b; echo $a$b; read c; echo $c")
    await desk.ask(facts.process_input(text="c\n"))

    assert await desk.end() in ((0, "ab\nc\n"), (0, None))


async def test_only_what_stands_after_its_request_is_read(desk: Desk) -> None:
    await desk.ask(facts.process_input(text="of another life\n"))
    await desk.ask(facts.process_input(text="mine\n"))

    await desk.start("read line; echo $line", requested_position=Position(1))

    assert await desk.end() in ((0, "mine\n"), (0, None))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SIGTERM", signal.SIGTERM),
        ("SIGINT", signal.SIGINT),
        ("SIGKILL", signal.SIGKILL),
        ("SIGHUP", signal.SIGHUP),
    ],
)
async def test_a_signal_ends_it_by_that_signal(
    desk: Desk, name: str, number: signal.Signals
) -> None:
    await desk.start("echo here; exec sleep 100")
    await desk.hears(lambda tail: "here" in tail)

    await desk.ask(facts.process_stop_requested(signal=name))

    assert (await desk.end())[0] == -number


async def test_a_process_that_ignores_signals_is_killed_with_all_it_started(desk: Desk) -> None:
    await desk.start("trap '' INT TERM; sleep 100 & echo $!; wait; sleep 100")
    pid = int(await desk.hears(lambda tail: tail.endswith("\n")))
    await desk.ask(facts.process_stop_requested(signal="SIGINT"))

    await desk.ask(facts.process_stop_requested(signal="SIGKILL"))

    assert (await desk.end())[0] == -signal.SIGKILL
    assert await gone(pid)


async def test_of_endless_output_the_newest_end_is_told_and_not_too_often(desk: Desk) -> None:
    began = asyncio.get_running_loop().time()
    await desk.start("yes 0123456789")
    tail = await desk.hears(lambda tail: len(tail) > TAIL_BYTES / 2)
    await desk.hears(lambda tail: len(desk.told) >= 5)
    seconds = asyncio.get_running_loop().time() - began

    assert len(tail.encode()) <= TAIL_BYTES
    # From the start on: a busy machine may tell two close together, but not more of them.
    assert len(desk.told) <= 1 + seconds / TELL_SECONDS
    await desk.ask(facts.process_stop_requested())
    assert (await desk.end())[0] == -signal.SIGTERM


async def test_input_nobody_reads_does_not_keep_a_signal_from_arriving(desk: Desk) -> None:
    await desk.start("echo here; exec sleep 100")
    await desk.hears(lambda tail: "here" in tail)

    for _ in range(6):
        await desk.ask(facts.process_input(text="x" * (INPUT_BYTES // 4)))
    await desk.hears(lambda tail: "input was dropped" in tail)
    await desk.ask(facts.process_stop_requested())

    assert (await desk.end())[0] == -signal.SIGTERM


async def test_a_command_that_is_not_there_ends_with_127_and_says_so(desk: Desk) -> None:
    await desk.start("exec nothing-of-that-name")

    exit_code, tail = await desk.end()

    assert exit_code == 127
    assert "nothing-of-that-name" in (tail or desk.told[-1])


async def test_a_log_that_is_away_for_a_while_ends_no_process_and_loses_nothing_asked_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_answered, "PAUSE_SECONDS", 0.0)
    await desk.start("echo ready; read line; echo got $line")
    await desk.hears(lambda tail: "ready" in tail)

    desk.store.silences = 3
    await desk.ask(facts.process_input(text="yes\n"))

    exit_code, tail = await desk.end()
    assert (exit_code, (tail or desk.told[-1]).split("\n")[-2]) == (0, "got yes")
