"""A small second opinion: the main things views show, folded from plain JSON by code that knows nothing of the projectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.check_facts import events_of
from chaos.raw_log import Message

WINDOW = 200
EXITED_SHOWN = 100


@dataclass
class Session:
    name: str
    task_id: str
    waiting: dict[str, str] = field(default_factory=dict)
    said: list[Any] = field(default_factory=list)
    closed: bool = False


@dataclass
class Task:
    title: str
    organization_id: str
    repository_id: str
    sessions: dict[str, Session] = field(default_factory=dict)
    processes: set[str] = field(default_factory=set)
    exited: list[str] = field(default_factory=list)
    over: str | None = None


@dataclass
class Organization:
    name: str
    members: dict[str, str]
    repositories: set[str] = field(default_factory=set)


@dataclass
class Model:
    organizations: dict[str, Organization] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    drafts: dict[tuple[str, str], str] = field(default_factory=dict)
    """What was written and not sent, by person and session."""

    def session(self, event: Any) -> Session:
        return self.tasks[event["task_id"]].sessions[event["session_id"]]


def model_of(messages: Sequence[Message]) -> Model:
    """The state of everything behind the last message."""
    model = Model()
    for message, event in events_of(messages):
        step = _STEPS.get(event["type"])
        if step is not None:
            step(model, event, message.commit)
    return model


def _organization_created(model: Model, event: Any, _: Any) -> None:
    model.organizations[event["organization_id"]] = Organization(
        event["name"], {event["owner_id"]: "owner"}
    )


def _organization_updated(model: Model, event: Any, _: Any) -> None:
    if event.get("name") is not None:
        model.organizations[event["organization_id"]].name = event["name"]


def _member_added(model: Model, event: Any, _: Any) -> None:
    model.organizations[event["organization_id"]].members[event["user_id"]] = event["role"]


def _repository_added(model: Model, event: Any, _: Any) -> None:
    model.organizations[event["organization_id"]].repositories.add(event["repository_id"])


def _task_created(model: Model, event: Any, _: Any) -> None:
    model.tasks[event["task_id"]] = Task(
        event["title"], event["organization_id"], event["repository_id"]
    )


def _task_renamed(model: Model, event: Any, _: Any) -> None:
    model.tasks[event["task_id"]].title = event["title"]


def _task_over(model: Model, event: Any, _: Any) -> None:
    model.tasks[event["task_id"]].over = event["type"].removeprefix("task_")


def _session_created(model: Model, event: Any, _: Any) -> None:
    task = model.tasks[event["task_id"]]
    task.sessions[event["session_id"]] = Session(event["name"], event["task_id"])


def _session_renamed(model: Model, event: Any, _: Any) -> None:
    model.session(event).name = event["name"]


def _session_closed(model: Model, event: Any, _: Any) -> None:
    model.session(event).closed = True


def _queued(model: Model, event: Any, commit: Any) -> None:
    model.session(event).waiting[event["message_id"]] = event["text"]
    if commit.get("command") is not None and commit["command"]["name"] == "agent_session.send":
        # What was sent is no draft any more.
        model.drafts.pop((commit["actor"], event["session_id"]), None)


def _draft_updated(model: Model, event: Any, _: Any) -> None:
    model.drafts[event["user_id"], event["session_id"]] = event["text"]


def _not_waiting(model: Model, event: Any, _: Any) -> None:
    model.session(event).waiting.pop(event["message_id"])


def _process_requested(model: Model, event: Any, _: Any) -> None:
    model.tasks[event["task_id"]].processes.add(event["process_id"])


def _process_exited(model: Model, event: Any, _: Any) -> None:
    task = model.tasks[event["task_id"]]
    task.exited.append(event["process_id"])
    task.processes.difference_update(task.exited[:-EXITED_SHOWN])


def _appended(model: Model, event: Any, _: Any) -> None:
    model.session(event).said += event["entries"]


_STEPS: dict[str, Callable[[Model, Any, Any], None]] = {
    "organization_created": _organization_created,
    "organization_updated": _organization_updated,
    "member_added": _member_added,
    "repository_added": _repository_added,
    "task_created": _task_created,
    "task_renamed": _task_renamed,
    "task_archived": _task_over,
    "task_killed": _task_over,
    "agent_session_created": _session_created,
    "agent_session_renamed": _session_renamed,
    "agent_session_closed": _session_closed,
    "message_queued": _queued,
    "message_delivered": _not_waiting,
    "message_cancelled": _not_waiting,
    "draft_updated": _draft_updated,
    "process_requested": _process_requested,
    "process_exited": _process_exited,
    "entries_appended": _appended,
}


def shown(model: Model) -> dict[str, Any]:
    """The part of each view that this model has an opinion about, by topic, in the shape of `summary`."""
    views: dict[str, Any] = _apps(model)
    for organization_id, organization in model.organizations.items():
        mine = {
            id: (task.title, sorted(task.sessions))
            for id, task in model.tasks.items()
            if task.organization_id == organization_id
        }
        views[f"workspace/{organization_id}"] = (
            organization.name,
            organization.members,
            organization.repositories,
            mine,
        )
    for task_id, task in model.tasks.items():
        sessions = {
            # Where nothing is delivered any more nothing waits.
            id: (session.name, [] if session.closed or task.over else [*session.waiting.values()])
            for id, session in task.sessions.items()
        }
        views[f"task/{task_id}"] = (task.title, task.over, sessions)
        views[f"processes/{task_id}"] = task.processes
        for session_id, session in task.sessions.items():
            said = [entry.get("text") for entry in session.said]
            views[f"transcript/{session_id}"] = (len(said), said[-WINDOW:])
    return views


def _apps(model: Model) -> dict[str, Any]:
    people = {user for one in model.organizations.values() for user in one.members}
    open_sessions = {
        id for task in model.tasks.values() if task.over is None for id in task.sessions
    }
    return {
        f"app/{person}": (
            {
                id: one.members[person]
                for id, one in model.organizations.items()
                if person in one.members
            },
            {
                session: text
                for (user, session), text in model.drafts.items()
                if user == person and session in open_sessions
            },
        )
        for person in people
    }


def summary(topic: str, data: Any) -> Any:
    """The same part of a view as somebody was shown it; None for topics without an opinion."""
    match topic.partition("/")[0]:
        case "app":
            return (
                {one["id"]: one["role"] for one in data["organizations"]},
                {one["id"]: one["draft"]["text"] for one in data["sessions"] if one["draft"]},
            )
        case "workspace":
            return (
                data["name"],
                {member["id"]: member["role"] for member in data["members"]},
                {repository["id"] for repository in data["repositories"]},
                {
                    task["id"]: (task["title"], [one["id"] for one in task["sessions"]])
                    for task in data["tasks"]
                },
            )
        case "task":
            over = data["status"] if data["status"] in ("archived", "killed") else None
            sessions = {
                session["id"]: (session["name"], [one["text"] for one in session["queue"]])
                for session in data["sessions"]
            }
            return (data["title"], over, sessions)
        case "processes":
            return {process["id"] for process in data["processes"]}
        case "transcript":
            return (data["last_index"], [entry.get("text") for entry in data["entries"]])
        case _:
            return None
