"""The commands about the processes in a sandbox, and what workers report about them."""

import pytest
from msgspec.structs import replace

from commands.process import MAX_ARGUMENT_BYTES, MAX_RUNNING
from commands.process_reports import process_exited, process_output, process_started
from commands.task import TASK
from commands.task_commands import StartProcess, StopProcess, WriteProcess
from commands.task_state import Task
from events.commit import Event
from events.ids import ProcessId
from tests import facts
from tests.decisions.given import Spec, context_of, folded

task = Spec(TASK)

READY: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.sandbox_allocated(),
    facts.sandbox_ready(),
    facts.session_ready(),
    facts.task_provisioned(),
]
REQUESTED: list[Event] = [*READY, facts.process_requested()]
RUNNING: list[Event] = [*REQUESTED, facts.process_started()]
EXITED: list[Event] = [*RUNNING, facts.process_exited()]

START = StartProcess(task_id="task_1", command="make", args=("test",), process_id="proc_1")
WRITE = WriteProcess(process_id="proc_1", text="y\n")
STOP = StopProcess(process_id="proc_1")


def test_a_process_is_asked_for_once_under_its_id() -> None:
    task(given=READY, when=START, then=[facts.process_requested()], again="already_exists")


def test_without_a_sandbox_nothing_is_started() -> None:
    task(given=READY[:2], when=START, refused="not_ready")
    task(given=[*READY, facts.task_kill_requested()], when=START, refused="task_over")


def test_an_id_that_is_none_is_malformed() -> None:
    command = StartProcess(task_id="task_1", command="make", process_id="task_1")

    task(given=READY, when=command, refused="malformed")


def test_so_many_processes_and_no_more_run_at_once() -> None:
    many: list[Event] = [
        facts.process_requested(process=ProcessId(f"proc_x{n}")) for n in range(MAX_RUNNING)
    ]
    one_ended = [*many, facts.process_exited(process=ProcessId("proc_x0"))]

    task(given=[*READY, *many], when=START, refused="too_many_processes")
    task(
        given=[*READY, *one_ended],
        when=START,
        then=[facts.process_requested()],
        again="already_exists",
    )


def test_what_is_started_fits_into_what_the_system_takes() -> None:
    def start(command: str, *args: str) -> StartProcess:
        return StartProcess(task_id="task_1", command=command, args=args, process_id="proc_1")

    whole = MAX_ARGUMENT_BYTES // 2
    fits = facts.process_requested()
    fits = replace(fits, command="make", args=("é" * (whole // 2 - 3), "x" * (whole - 1)))

    task(given=READY, when=start("make", *fits.args), then=[fits], again="already_exists")
    for args in (("é" * (whole // 2 - 2), "x" * (whole - 1)), ("\U0001f600" * 32_768,)):
        task(given=READY, when=start("make", *args), refused="malformed")


def test_a_process_that_exited_is_known_and_weighs_nothing() -> None:
    state = folded(TASK, EXITED)

    assert isinstance(state, Task)
    assert not state.processes
    assert state.exited == {facts.PROCESS}
    assert folded(TASK, [*EXITED, facts.process_requested(), facts.process_started()]) == state
    task(given=EXITED, when=START, refused="already_exists")


def test_input_is_passed_on_each_time_while_the_process_lives() -> None:
    running = folded(TASK, [*RUNNING, facts.process_input()])

    assert TASK.decide(running, WRITE, context_of()) == [facts.process_input()]
    task(given=RUNNING, when=WriteProcess(process_id="proc_1", text=""), then=[])
    task(given=EXITED, when=WRITE, refused="process_over")
    task(given=READY, when=WRITE, refused="not_found")


def test_a_process_is_ended_once_and_by_force_when_that_is_not_enough() -> None:
    stopping = [*RUNNING, facts.process_stop_requested()]
    kill = StopProcess(process_id="proc_1", signal="SIGKILL")

    task(given=RUNNING, when=STOP, then=[facts.process_stop_requested()])
    task(given=stopping, when=kill, then=[facts.process_stop_requested(signal="SIGKILL")])
    task(given=[*stopping, facts.process_stop_requested(signal="SIGKILL")], when=STOP, then=[])
    task(given=EXITED, when=STOP, then=[])
    task(given=READY, when=STOP, refused="not_found")


def test_a_signal_a_process_may_survive_is_sent_each_time_and_does_not_count_as_its_end() -> None:
    interrupted = facts.process_stop_requested(signal="SIGINT")
    interrupt = StopProcess(process_id="proc_1", signal="SIGINT")
    after_one = folded(TASK, [*RUNNING, interrupted])

    assert TASK.decide(after_one, interrupt, context_of()) == [interrupted]
    task(given=[*RUNNING, interrupted], when=STOP, then=[facts.process_stop_requested()])


def test_a_command_is_started_by_one_worker_only() -> None:
    requested = folded(TASK, REQUESTED)

    assert process_started(requested, process_id=facts.PROCESS) == [facts.process_started()]
    assert process_started(folded(TASK, RUNNING), process_id=facts.PROCESS) == []
    killed = folded(TASK, [*REQUESTED, facts.task_kill_requested()])
    assert process_started(killed, process_id=facts.PROCESS) == []


def test_output_is_told_while_it_runs_and_the_end_once() -> None:
    running, exited = folded(TASK, RUNNING), folded(TASK, EXITED)

    assert process_output(running, process_id=facts.PROCESS, tail="ok\n") == [
        facts.process_output()
    ]
    assert process_exited(running, process_id=facts.PROCESS, exit_code=0, tail="ok\n") == [
        facts.process_output(),
        facts.process_exited(),
    ]
    assert process_output(exited, process_id=facts.PROCESS, tail="x") == []
    assert process_exited(exited, process_id=facts.PROCESS, exit_code=1) == []


@pytest.mark.parametrize("before", [REQUESTED, RUNNING])
def test_an_end_nobody_saw_has_no_exit_code(before: list[Event]) -> None:
    events = process_exited(folded(TASK, before), process_id=facts.PROCESS, exit_code=None)

    assert events == [facts.process_exited(exit_code=None)]
