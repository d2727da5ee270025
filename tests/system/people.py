"""What most tests begin with: people, an organization, a repository, tasks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from tests.system.client import Accepted, Client

PROVISIONED_WITHIN = 60.0
PROVISION_STAGES: dict[str, tuple[str, ...]] = {
    "name_ensured": ("task_named",),
    "sandbox_allocated": ("sandbox_allocated",),
    "repository_prepared": ("sandbox_ready", "files_captured"),
    "agent_installed": (),
    "agent_started": (),
    "session_created": ("task_provisioned",),
}
"""The stages of `task_provision` in their order, and the facts about the task that each of them leaves."""


@dataclass(frozen=True)
class Person:
    """A user besides the owner."""

    id: str
    token_id: str
    client: Client

    @classmethod
    async def arrive(
        cls, owner: Client, enter: Callable[[str, str], Awaitable[Client]], name: str
    ) -> Self:
        """Made by the owner, at the node the owner talks to."""
        user_id = (await owner.command("user.create", name=name)).ids["user_id"]
        token = await owner.command("token.create", user_id=user_id)
        assert token.secret is not None
        client = await enter(owner.address, token.secret)
        return cls(user_id, token.ids["token_id"], client)


@dataclass(frozen=True)
class House:
    """An organization with one repository, and the one who made it."""

    owner: Client
    organization_id: str
    repository_id: str

    @classmethod
    async def build(cls, owner: Client, remote_url: str) -> Self:
        """`{organization}` in the address is replaced, so that one address serves many tests."""
        made = await owner.command("organization.create", name="Workshop")
        organization_id = made.ids["organization_id"]
        added = await owner.command(
            "repository.add",
            organization_id=organization_id,
            remote_url=remote_url.replace("{organization}", organization_id),
        )
        return cls(owner, organization_id, added.ids["repository_id"])

    @property
    def workspace(self) -> str:
        return f"workspace/{self.organization_id}"

    async def join(self, person: Person, role: str = "member") -> Accepted:
        return await self.owner.command(
            "organization.add_member",
            organization_id=self.organization_id,
            user_id=person.id,
            role=role,
        )

    async def create_task(self, prompt: str = "true", **fields: Any) -> Accepted:
        """Whose job may take its time."""
        return await self.owner.command(
            "task.create", repository_id=self.repository_id, prompt=prompt, **fields
        )

    async def finished_task(self, prompt: str = "true", **fields: Any) -> Accepted:
        """A task whose first message was answered."""
        created = await self.create_task(prompt, **fields)
        topic = f"task/{created.ids['task_id']}"
        async with self.owner.stream(topic) as stream:
            await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
        return created


def turn_is_over(task: Any) -> bool:
    """Whether nothing is waiting or running in any session of a task that was provisioned."""
    return task["status"] in ("idle", "error") and all(
        session["status"] in ("idle", "error", "closed") and not session["queue"]
        for session in task["sessions"]
    )
