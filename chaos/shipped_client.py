"""The Python client as people get it, watching through all of this: what it shows must be true, and never go back."""

import asyncio
from contextlib import suppress

from chaos.faults import READS
from chaos.records import Looked
from chaos.role import Role
from foundry_client import Foundry, Problem
from foundry_client.effects import Why
from foundry_client.happenings import View
from foundry_client.subscription import Subscription

NEW_TOPICS_SECONDS = 0.5
KEPT_TASKS = 30
WRITTEN_EVERY = 8
"""A view is written down as a whole so often; that it does not go back is looked at each time."""


class ShippedClient:
    def __init__(self, role: Role) -> None:
        self._role = role
        self._foundry = Foundry(role.system.url(READS[0]), token=role.person.token)
        self._shown: dict[str, Subscription] = {}
        self._versions: dict[str, tuple[str, int]] = {}
        self._told = 0
        self.wrong: list[str] = []

    async def run(self) -> None:
        """Show the newest tasks until cancelled. Those of long ago are let go: a stream carries 1,000 topics."""
        async with self._foundry:
            while True:
                for topic in set(self._role.town.topics(2)) - self._shown.keys():
                    self._shown[topic] = self._foundry.subscribe(topic, self._tell)
                for topic in self._shown.keys() - set(self._role.town.topics(KEPT_TASKS)):
                    self._shown.pop(topic).close()
                await asyncio.sleep(NEW_TOPICS_SECONDS)

    async def reached(self, position: int) -> None:
        """Wait until everything shown is as new as a position, and write it down; the caller sets the deadline."""
        for topic, subscription in [*self._shown.items()]:
            while (view := subscription.view) is None or subscription.state != "live":
                await asyncio.sleep(0.1)
            while True:
                with suppress(Problem, TimeoutError):
                    await self._foundry.at_least(position, topic)
                    break
            view = subscription.view
            if view is not None:
                self._write(view, position)

    def _tell(self, view: View | None, why: Why) -> None:
        if view is None:
            self.wrong.append(f"the client shows nothing any more: {why}")
            return
        epoch, version = self._versions.get(view.topic, ("", 0))
        if view.epoch == epoch and view.version < version:
            self.wrong.append(f"the client's {view.topic} went from {version} to {view.version}")
        self._versions[view.topic] = (view.epoch, view.version)
        self._told += 1
        if self._told % WRITTEN_EVERY == 0:
            self._write(view, 0)

    def _write(self, view: View, at_least: int) -> None:
        self._role.book.write(
            Looked(
                node="the client",
                caller=self._role.person.user_id,
                topic=view.topic,
                at_least=at_least,
                epoch=view.epoch,
                version=view.version,
                data=view.data,
            )
        )
