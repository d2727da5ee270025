"""What a decision may know besides its own aggregate: who asks, when, and what was read of others.

Whatever is not pure (time, random secrets, other aggregates) is found before and comes in here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from events.ids import JobId, Position, TaskId, Timestamp, UserId, derive_id

if TYPE_CHECKING:
    from commands.job_state import Job
    from commands.organization_state import Organization
    from commands.task_state import Task
    from commands.user_state import User
    from events.addresses import Remote


class Context(Struct, frozen=True, kw_only=True):
    """`organization`, `task`, `user`, `job` are read, not decided about; None where the command needs none.

    `user` is the person a command is about, `job` the open job its target has already, `newer_job`
    one that was begun after the one the command is about and does the same, and `busy_tasks` are
    tasks of a repository in which something still goes on, if there are any. A draft is
    `superseded` when a later one came before it was committed. `stuck_position` is that of the commit
    at which a history cannot be read further. `chosen_id` is the id the caller chose for what is to be
    made: it goes into the ids of its parts, because two nodes may accept one command id for two
    things at once.
    """

    now: Timestamp
    actor: UserId
    actor_name: str
    command_name: str
    command_id: str
    chosen_id: str = ""
    secret_hash: str = ""
    remote: Remote | None = None
    organization: Organization | None = None
    task: Task | None = None
    user: User | None = None
    job: Job | None = None
    newer_job: JobId | None = None
    busy_tasks: tuple[TaskId, ...] = ()
    superseded: bool = False
    stuck_position: Position | None = None
    known_agents: frozenset[str] = frozenset()
    known_providers: frozenset[str] = frozenset()

    def id(self, prefix: str) -> str:
        """The id that this command gives to what it makes, the same however often it is sent."""
        chosen = (self.chosen_id,) if self.chosen_id else ()
        return derive_id(prefix, self.actor, self.command_name, self.command_id, *chosen)
