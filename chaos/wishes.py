"""What people want next: a command's name and fields, drawn at random from what makes sense just now."""

import shlex
from random import Random
from typing import Any, NamedTuple

from chaos.town import MOST_TASKS, Task, Town


class Wish(NamedTuple):
    name: str
    fields: dict[str, Any]


def wish(random: Random, town: Town) -> Wish:
    """The next command of somebody in this town."""
    if len(town.open_tasks) < 2 or (len(town.open_tasks) < MOST_TASKS and random.random() < 0.03):
        return _create_task(random, town)
    if len(town.open_tasks) >= MOST_TASKS and random.random() < 0.05:
        return _put_away(random, town)
    task = random.choice(town.open_tasks)
    return random.choices(_WISHES, _WEIGHTS)[0](random, town, task)


def mark(random: Random) -> str:
    """A word that is nowhere else in this run."""
    return f"{random.getrandbits(64):016x}"


def script(random: Random, town: Town) -> str:
    """Leaves its mark where the checker finds it: so it is seen whether it ran, and how often."""
    word = mark(random)
    said = random.choice(("true", "seq 1 8000", f"echo {word} >> notes.txt"))
    return f"echo {word} >> {shlex.quote(str(town.deeds))}; {said}"


def _create_task(random: Random, town: Town) -> Wish:
    return Wish(
        "task.create",
        {
            "repository_id": town.repository_id,
            # A view shows it with every change of the task's own fields: some of them are long.
            "prompt": f"{script(random, town)}\n# {'Take your time. ' * 300}",
            "title": f"Task {mark(random)}",
        },
    )


def _put_away(random: Random, town: Town) -> Wish:
    task = town.open_tasks[0]
    town.let_go(task)
    return Wish(random.choice(("task.archive", "task.kill")), {"task_id": task.id})


def _rename(random: Random, _: Town, task: Task) -> Wish:
    return Wish("task.rename", {"task_id": task.id, "title": f"Named {mark(random)}"})


def _of_session(random: Random, task: Task) -> dict[str, Any]:
    return {"task_id": task.id, "session_id": random.choice(task.sessions)}


def _send(random: Random, town: Town, task: Task) -> Wish:
    fields = _of_session(random, task)
    return Wish("agent_session.send", fields | {"text": script(random, town)})


def _draft(random: Random, _: Town, task: Task) -> Wish:
    fields = _of_session(random, task)
    # Long, so that a reader who stands still is soon owed more than is kept for them.
    text = f"Perhaps {mark(random)} " * random.randint(1, 400)
    return Wish("agent_session.update_draft", fields | {"text": text})


def _unread(random: Random, _: Town, task: Task) -> Wish:
    fields = _of_session(random, task)
    return Wish("agent_session.set_unread", fields | {"unread": random.random() < 0.5})


def _rename_session(random: Random, _: Town, task: Task) -> Wish:
    fields = _of_session(random, task)
    return Wish("agent_session.rename", fields | {"name": f"Session {mark(random)}"})


def _create_session(random: Random, town: Town, task: Task) -> Wish:
    if len(task.sessions) > 2:
        return _rename_session(random, town, task)
    return Wish("agent_session.create", {"task_id": task.id, "name": mark(random)})


def _start_process(random: Random, town: Town, task: Task) -> Wish:
    return Wish(
        "process.start",
        {"task_id": task.id, "command": "sh", "args": ["-c", script(random, town)]},
    )


def _update_organization(random: Random, town: Town, _: Task) -> Wish:
    return Wish(
        "organization.update",
        {"organization_id": town.organization_id, "name": f"Org {mark(random)}"},
    )


def _select_task(_random: Random, _: Town, task: Task) -> Wish:
    return Wish("task.select", {"task_id": task.id})


def _refresh(_random: Random, town: Town, _: Task) -> Wish:
    return Wish("repository.refresh", {"repository_id": town.repository_id})


_CHANCES = {
    _rename: 30,
    _draft: 20,
    _unread: 10,
    _rename_session: 10,
    _send: 12,
    _update_organization: 8,
    _select_task: 5,
    _create_session: 2,
    _start_process: 2,
    _refresh: 1,
}
_WISHES = list(_CHANCES)
_WEIGHTS = list(_CHANCES.values())
