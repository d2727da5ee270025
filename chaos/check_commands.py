"""Every answered command is in the log once, in one commit, as it was answered; and nothing is there that nobody asked for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from chaos.findings import Findings
from chaos.raw_log import Message
from chaos.records import NO_PROBLEM_DOCUMENT, Attempt, Commanded

Key = tuple[str, str, str]
"""Caller, command, id: what an Idempotency-Key belongs to."""

HARMLESS_REFUSALS = {"task_over", "session_closed", "queue_full", "not_ready", "too_many_processes"}
"""What a person may meet while somebody else puts the task away, or fills the session."""


def check_commands(
    commands: Iterable[Commanded],
    messages: Sequence[Message],
    findings: Findings,
    *,
    since: int,
) -> None:
    """Compare what people were answered with what is in the log after the position `since`."""
    stored = _stored(messages[since:])
    answers: dict[Key, list[Attempt]] = defaultdict(list)
    for command in commands:
        answers[command.caller, command.name, command.key] += command.attempts
        findings.seen["commands"] += 1
    for key, attempts in answers.items():
        commits = stored.pop(key, [])
        if len(commits) > 1:
            places = [message.position for message in commits]
            findings.add("doubled", f"{key} has commits at {places}")
        _check_key(key, attempts, commits, findings)
    for key in stored:
        findings.add("doubled", f"nobody sent {key}")


def _stored(messages: Sequence[Message]) -> dict[Key, list[Message]]:
    stored: dict[Key, list[Message]] = defaultdict(list)
    for message in messages:
        command = message.commit.get("command")
        if command is not None:
            stored[message.commit["actor"], command["name"], command["id"]].append(message)
    return stored


def _check_key(
    key: Key, attempts: list[Attempt], commits: list[Message], findings: Findings
) -> None:
    accepted = [one.answer for one in attempts if one.answer is not None]
    findings.seen["acknowledged"] += bool(accepted)
    findings.seen["answers"] += len(accepted)
    findings.seen["outcomes unknown at first"] += any(one.outcome == "unknown" for one in attempts)
    for attempt in attempts:
        if attempt.outcome == "refused" and attempt.code not in HARMLESS_REFUSALS:
            findings.add("wrong", f"{key} was refused with {attempt.status} {attempt.code}")
        if attempt.status == 500 or attempt.code == NO_PROBLEM_DOCUMENT:
            findings.add("wrong", f"{key} was answered with {attempt.status} {attempt.code}")
    for answer in accepted:
        if answer["command_id"] != key[2]:
            findings.add("wrong", f"{key} was answered as {answer['command_id']}")
        if answer["events"]:
            _check_answer(key, answer, commits, findings)
        elif commits and not _came_later(commits[0], answer):
            findings.add("lost", f"{key} was answered with nothing and did something")
    said = {_words(answer) for answer in accepted if answer["events"]}
    if len(said) > 1:
        findings.add("doubled", f"{key} has two answers: {sorted(said)}")
    if not accepted and commits and all(one.outcome == "refused" for one in attempts):
        findings.add("wrong", f"{key} was refused and is stored at {commits[0].position}")


def _check_answer(
    key: Key, answer: dict[str, Any], commits: list[Message], findings: Findings
) -> None:
    place = [message for message in commits if message.position == answer["position"]]
    if not place:
        found = [message.position for message in commits]
        findings.add("lost", f"{key} was answered with {answer['position']}, stored at {found}")
        return
    commit = place[0].commit
    if [event["type"] for event in commit["events"]] != answer["events"]:
        findings.add("lost", f"{key}: not the events that were answered")
    if any(commit.get("ids", {}).get(name) != value for name, value in answer["ids"].items()):
        findings.add("lost", f"{key}: not the ids that were answered")


def _came_later(commit: Message, answer: dict[str, Any]) -> bool:
    """A command that changed nothing is judged anew when it comes again; then it may do something."""
    return bool(commit.position > answer["position"])


def _words(answer: dict[str, Any]) -> str:
    return f"{answer['position']} {answer['events']} {sorted(answer['ids'].items())}"
