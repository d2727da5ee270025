"""A task that contradicts the commands it was given is found, and one that does not is left alone."""

from typing import Any

import pytest

from chaos.adds_up import Accepted, Shown, contradictions

JOB = {"id": "job_1", "kind": "task_provision", "status": "succeeded", "stages": []}
FAILED = {**JOB, "status": "failed"}
ISSUE = {"id": "iss_1", "code": "job_cancelled", "retry_job_id": "job_1", "resolved_at": None}
SAID = {"sender": "user", "message_id": "msg_1"}
SESSION = {"id": "ses_1", "status": "idle", "queue": []}


def found(
    *,
    entries: list[Any] | None = None,
    files: str = "fresh",
    processes: tuple[str, ...] = (),
    cancelled: tuple[str, ...] = (),
    **task: object,
) -> list[str]:
    accepted = Accepted("task_1", sent={"msg_1": "ses_1"}, cancelled=set(cancelled))
    whole = {
        "status": "idle",
        "jobs": [JOB],
        "issues": [],
        "sandboxes": [],
        "sessions": [SESSION],
        **task,
    }
    shown = Shown(
        whole,
        {"status": files},
        [{"status": status} for status in processes],
        {"ses_1": [SAID] if entries is None else entries},
    )
    return list(contradictions(accepted, shown))


def test_what_adds_up_is_no_finding() -> None:
    closed = [{**SESSION, "status": "closed"}]

    assert found() == []
    assert found(status="archived", sessions=closed, processes=("exited",)) == []
    assert found(status="error", jobs=[FAILED], issues=[ISSUE]) == []
    assert found(sessions=[{**SESSION, "status": "error"}], entries=[]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"files": "queued"}, "its files queued"),
        ({"jobs": [{**FAILED, "stages": [{"status": "running"}]}]}, "a stage"),
        ({"jobs": [FAILED], "issues": [ISSUE, {**ISSUE, "id": "iss_2"}]}, "several open issues"),
        ({"issues": [ISSUE]}, "its issue is open"),
        ({"status": "archiving", "jobs": [FAILED]}, "no issue says why"),
        ({"status": "error", "jobs": [FAILED]}, "neither"),
        ({"entries": [SAID, SAID]}, "delivered twice"),
        ({"cancelled": ("msg_1",)}, "cancelled and delivered"),
        ({"entries": [SAID, {**SAID, "message_id": "msg_2"}]}, "never sent"),
        ({"entries": []}, "never delivered"),
        ({"status": "killed"}, "has a session"),
        ({"status": "killed", "sessions": [], "sandboxes": [{"status": "ready"}]}, "a sandbox"),
        ({"status": "killed", "sessions": [], "processes": ("running",)}, "has a process"),
    ],
)
def test_what_does_not_add_up_is_said(wrong: dict[str, Any], said: str) -> None:
    [finding] = found(**wrong)

    assert said in finding
