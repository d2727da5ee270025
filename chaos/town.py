"""What the people in all this know: their names, one organization with a repository, and the tasks they made."""

from dataclasses import dataclass, field
from pathlib import Path

MOST_TASKS = 4
"""Tasks people work on at a time; older ones are put away."""


@dataclass
class Person:
    """`topic` is what `app` of this person is called where it is stored."""

    user_id: str
    token: str

    @property
    def topic(self) -> str:
        return f"app/{self.user_id}"


@dataclass
class Task:
    id: str
    sessions: list[str]


@dataclass
class Town:
    """Grows as commands are answered. `deeds` is a file in which every script that ran left its mark."""

    organization_id: str
    repository_id: str
    people: list[Person]
    deeds: Path
    open_tasks: list[Task] = field(default_factory=list)
    all_tasks: list[Task] = field(default_factory=list)
    cycle: int = 0
    newest: int = 0
    """The newest position that anybody was answered with."""

    def know(self, name: str, fields: dict[str, str], ids: dict[str, str], position: int) -> None:
        """A command was answered: others may refer to what it made."""
        self.newest = max(self.newest, position)
        if name == "task.create":
            task = Task(ids["task_id"], [ids["session_id"]])
            if all(one.id != task.id for one in self.all_tasks):
                self.open_tasks.append(task)
                self.all_tasks.append(task)
        elif name == "agent_session.create":
            for task in self.open_tasks:
                if task.id == fields["task_id"] and ids["session_id"] not in task.sessions:
                    task.sessions.append(ids["session_id"])

    def let_go(self, task: Task) -> None:
        """Nobody gives a command about it any more."""
        self.open_tasks.remove(task)

    def topics(self, tasks: int) -> list[str]:
        """What a client shows that has the newest so many tasks open."""
        shown = ["app", f"workspace/{self.organization_id}", f"repository/{self.repository_id}"]
        for task in self.all_tasks[len(self.all_tasks) - min(tasks, len(self.all_tasks)) :]:
            shown += [f"task/{task.id}", f"files/{task.id}", f"processes/{task.id}"]
            shown += [f"transcript/{session}" for session in task.sessions]
        return shown
