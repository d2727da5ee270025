"""A short recording with everything that is hard about streams: several topics, characters of several bytes, a gap."""

from typing import Any

from foundry_client.chaos.recording import Recording, Step

WORKSPACE, TASK, TRANSCRIPT = "workspace/org_1", "task/task_1", "transcript/ses_1"


def snapshot(topic: str, version: int, *, epoch: str = "e-1", **data: Any) -> Step:
    cause = {"kind": "bootstrap"}
    told = {"topic": topic, "epoch": epoch, "version": version, "cause": cause, "data": data}
    return Step("snapshot", told)


def change(topic: str, base: int, version: int, *changes: Any, epoch: str = "e-1") -> Step:
    cause = {
        "kind": "event",
        "event": "task_renamed",
        "position": version,
        "command_id": f"cmd_{version}",
        "actor": "usr_1",
        "at": 1000 + version,
    }
    told = {
        "topic": topic,
        "epoch": epoch,
        "base": base,
        "version": version,
        "changes": changes,
        "cause": cause,
    }
    return Step("change", told)


def put(entity: str, identity: str, **value: Any) -> dict[str, Any]:
    return {"op": "put", "entity": entity, "id": identity, "value": {"id": identity, **value}}


def remove(entity: str, identity: str) -> dict[str, Any]:
    return {"op": "remove", "entity": entity, "id": identity}


def entry(index: int, text: str) -> dict[str, Any]:
    return put("entry", str(index), index=index, text=text)


def a_working_day() -> Recording:
    return Recording(
        [
            snapshot(WORKSPACE, 4, id="org_1", name="Ünïted", tasks=[], repositories=[]),
            snapshot(TASK, 3, id="task_1", title="first", sessions=[]),
            snapshot(TRANSCRIPT, 2, id="ses_1", entries=[]),
            change(WORKSPACE, 4, 6, put("task", "task_1", title="first", status="queued")),
            change(TASK, 3, 7, put("session", "ses_1", name="日本語", status="ready")),
            change(TRANSCRIPT, 2, 8, entry(1, "hello \u2028 there 🙂"), entry(2, "second")),
            change(
                WORKSPACE,
                6,
                9,
                put("task", "task_1", title="first", status="idle"),
                put("repository", "repo_1", name="r"),
            ),
            change(TRANSCRIPT, 8, 10, entry(10, "tenth")),
            change(TRANSCRIPT, 10, 11, entry(9, "ninth"), remove("entry", "1")),
            change(WORKSPACE, 9, 12, put("self", "org_1", name="Renamed ✓")),
            snapshot(TASK, 13, epoch="e-2", id="task_1", title="rebuilt", sessions=[]),
            change(TASK, 13, 14, put("self", "task_1", title="after"), epoch="e-2"),
            change(WORKSPACE, 12, 15, remove("task", "task_1"), put("task", "task_0", title="é")),
            change(WORKSPACE, 15, 16, put("task", "task_2", title="last")),
        ]
    )
