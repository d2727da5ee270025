"""A lost or doubled commit is found, whatever the people were answered."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from chaos.check_commands import check_commands
from chaos.check_facts import check_facts
from chaos.findings import Findings
from chaos.raw_log import Message
from chaos.records import Attempt, Commanded
from events.ids import Position
from events.log import LogCut
from tests.chaos.honest import accepted, commands, commits, messages
from tests.facts import OF_TASK, STAGES, commit, entries_appended, entry, stage_succeeded

REFUSED = Attempt(at=0.0, node="commands-1", outcome="refused", status=422, code="task_over")
UNKNOWN = Attempt(at=0.0, node="commands-1", outcome="unknown")


def found(given: list[Commanded], log: list[Message]) -> dict[str, int]:
    findings = Findings()
    check_commands(given, log, findings, since=0)
    return dict(findings.counts)


def found_in_facts(log: list[Message], deeds: Path) -> dict[str, int]:
    findings = Findings()
    check_facts(log, deeds, findings)
    return dict(findings.counts)


def with_attempts(command: Commanded, *attempts: Attempt) -> Commanded:
    return msgspec.structs.replace(command, attempts=[*command.attempts, *attempts])


def test_honest_records_have_no_findings(tmp_path: Path) -> None:
    log = messages()
    (tmp_path / "deeds").write_text("one\ntwo\n")

    assert found(commands(log), log) == {}
    assert found_in_facts(log, tmp_path / "deeds") == {}


@pytest.mark.parametrize(("ahead", "wrong"), [(-1, {"wrong": 1}), (0, {}), (5, {})])
def test_a_cut_that_was_noted_of_a_log_that_is_whole_is_wrong(
    tmp_path: Path, ahead: int, wrong: dict[str, int]
) -> None:
    (tmp_path / "deeds").touch()
    whole = commits()
    noted = len(whole) + 1
    cut = LogCut(mark="abcdef", folded=Position(noted + ahead))
    log = messages([*whole, commit(cut)])

    assert found_in_facts(log, tmp_path / "deeds") == wrong


def test_an_answered_command_that_is_not_in_the_log_is_lost() -> None:
    log = messages()

    assert found(commands(log), log[:-1]) == {"lost": 1}


def test_a_command_at_another_place_than_was_answered_is_lost() -> None:
    log = messages()
    given = commands(log)
    assert given[0].attempts[0].answer is not None
    given[0].attempts[0].answer["position"] += 1

    assert found(given, log) == {"lost": 1}


def test_other_events_than_were_answered_are_lost_ones() -> None:
    log = messages()
    given = commands(log)
    assert given[0].attempts[0].answer is not None
    given[0].attempts[0].answer["events"] = ["task_renamed", "task_renamed"]

    assert found(given, log)["lost"] == 1


def test_two_commits_under_one_key_are_doubled() -> None:
    log = messages([*commits(), commits()[-1]])

    assert found(commands(log[:-1]), log) == {"doubled": 1}


def test_two_answers_to_one_key_are_doubled() -> None:
    log = messages()
    given = commands(log)
    other = accepted(log[8])
    assert other.answer is not None
    other.answer["command_id"] = given[0].key

    assert found([with_attempts(given[0], other), *given[1:]], log)["doubled"] == 1


def test_a_commit_that_nobody_asked_for_is_doubled() -> None:
    log = messages()

    assert found(commands(log)[1:], log) == {"doubled": 1}


@pytest.mark.parametrize("attempts", [[UNKNOWN], [UNKNOWN, REFUSED]])
def test_a_command_without_an_answer_may_be_in_the_log_or_not(attempts: list[Attempt]) -> None:
    log = messages()
    given = commands(log)
    given[-1] = msgspec.structs.replace(given[-1], attempts=attempts)

    assert found(given, log) == {}
    assert found(given, log[:-1]) == {}


def test_what_was_refused_must_not_be_in_the_log() -> None:
    log = messages()
    given = commands(log)
    given[-1] = msgspec.structs.replace(given[-1], attempts=[REFUSED])

    assert found(given, log) == {"wrong": 1}


@pytest.mark.parametrize(
    ("bend", "kind"),
    [
        (lambda all: [*all, commit(stage_succeeded(OF_TASK, stage=STAGES[0]))], "doubled"),
        (lambda all: [*all, commit(entries_appended(entry("again"), first_index=3))], "doubled"),
        (lambda all: [*all, commit(entries_appended(entry("later"), first_index=5))], "lost"),
    ],
)
def test_what_happens_once_is_counted(
    bend: Callable[[list[object]], list[object]], kind: str, tmp_path: Path
) -> None:
    (tmp_path / "deeds").touch()

    log = messages(bend(list(commits())))  # type: ignore[arg-type]

    assert found_in_facts(log, tmp_path / "deeds") == {kind: 1}


def test_a_script_that_ran_twice_is_doubled(tmp_path: Path) -> None:
    (tmp_path / "deeds").write_text("one\ntwo\none\n")

    assert found_in_facts(messages(), tmp_path / "deeds") == {"doubled": 1}
