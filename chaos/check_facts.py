"""What may happen once happened once: in the log, and in the files that the scripts themselves wrote."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chaos.findings import Findings
from chaos.raw_log import Message

ONCE: dict[str, tuple[str, ...]] = {
    "user_created": ("user_id",),
    "organization_created": ("organization_id",),
    "repository_added": ("repository_id",),
    "task_created": ("task_id",),
    "task_provisioned": ("task_id",),
    "task_archived": ("task_id",),
    "task_killed": ("task_id",),
    "sandbox_allocated": ("task_id",),
    "agent_session_created": ("session_id",),
    "message_queued": ("session_id", "message_id"),
    "message_delivered": ("session_id", "message_id"),
    "turn_ended": ("session_id", "message_id"),
    "process_requested": ("process_id",),
    "process_started": ("process_id",),
    "process_exited": ("process_id",),
    "job_announced": ("job_id",),
    "job_opened": ("job_id",),
    "job_succeeded": ("job_id",),
    "stage_succeeded": ("job_id", "stage"),
}
"""Facts that a history holds at most once for the same fields."""

_MARK = re.compile(r"echo ([0-9a-f]{16}) >> \S*deeds")


def check_facts(messages: Sequence[Message], deeds: Path, findings: Findings) -> None:
    counted: Counter[tuple[str, ...]] = Counter()
    for _, event in events_of(messages):
        fields = ONCE.get(event["type"])
        if fields is not None:
            counted[event["type"], *(event[name] for name in fields)] += 1
    for fact, times in counted.items():
        if times > 1:
            findings.add("doubled", f"{' '.join(fact)} is in the log {times} times")
    _check_cuts(messages, findings)
    _check_transcripts(messages, findings)
    _check_message_ids(messages, findings)
    _check_deeds(messages, deeds, findings)


def events_of(messages: Sequence[Message]) -> Iterator[tuple[Message, Any]]:
    """Every event with the message it came in, in order."""
    for message in messages:
        for event in message.commit["events"]:
            yield message, event


def _check_cuts(messages: Sequence[Message], findings: Findings) -> None:
    """Nobody takes the log for cut that still has what they remember of it."""
    for message, event in events_of(messages):
        if event["type"] == "log_cut" and message.position > event["folded"]:
            findings.add(
                "wrong",
                f"at {message.position} it was noted that the log had lost {event['folded']}, which it had not",
            )


def _check_transcripts(messages: Sequence[Message], findings: Findings) -> None:
    """Entries are numbered 1, 2, 3, … without a gap and without a double."""
    newest: Counter[str] = Counter()
    for message, event in events_of(messages):
        if event["type"] != "entries_appended":
            continue
        session = event["session_id"]
        if event["first_index"] != newest[session] + 1:
            findings.add(
                "doubled" if event["first_index"] <= newest[session] else "lost",
                f"{message.subject} at {message.position}: entry {event['first_index']} after {newest[session]}",
            )
        newest[session] = event["first_index"] + len(event["entries"]) - 1


def _check_message_ids(messages: Sequence[Message], findings: Findings) -> None:
    """The id under which the server recognises a repetition names one message."""
    for name, times in Counter(message.message_id for message in messages).items():
        if times > 1:
            findings.add("doubled", f"{times} messages of the log have the id {name}")


def _check_deeds(messages: Sequence[Message], deeds: Path, findings: Findings) -> None:
    """A script ran at most once; and once, where the log says that its turn ended as it should."""
    done = Counter(deeds.read_text().split())
    for mark, times in done.items():
        if times > 1:
            findings.add("doubled", f"the script that writes {mark} ran {times} times")
    scripts: dict[tuple[str, str], str] = {}
    for _, event in events_of(messages):
        if event["type"] == "message_queued" and (found := _MARK.search(event["text"])):
            scripts[event["session_id"], event["message_id"]] = found[1]
        if event["type"] == "turn_ended" and event["stop_reason"] == "end_turn":
            word = scripts.get((event["session_id"], event["message_id"]), "")
            findings.seen["turns"] += 1
            if word and not done[word]:
                findings.add("lost", f"the turn of {event['message_id']} ended and nothing ran")
