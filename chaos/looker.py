"""Somebody who opens views now and then, and often insists on seeing at least what was just answered."""

import asyncio
import time

import httpx

from chaos.faults import READS
from chaos.records import Looked
from chaos.role import Role

PACE_SECONDS = 0.4
PATIENCE = 8.0


class Looker:
    """`outage` is the longest time until somebody who asked again and again had an answer."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self.outage = (0.0, 0)
        self.wrong: list[str] = []

    async def run(self) -> None:
        """Look until cancelled."""
        headers = {"Authorization": f"Bearer {self._role.person.token}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE) as client:
            while True:
                await asyncio.sleep(self._role.random.expovariate(1 / PACE_SECONDS))
                topic = self._role.random.choice(self._role.town.topics(4))
                began, cycle = time.monotonic(), self._role.town.cycle
                at_least = self._role.town.newest if self._role.random.random() < 0.5 else 0
                while not await self._look(client, topic, at_least):
                    await asyncio.sleep(0.1)
                self.outage = max(self.outage, (time.monotonic() - began, cycle))

    async def _look(self, client: httpx.AsyncClient, topic: str, at_least: int) -> bool:
        node = self._role.random.choice(READS)
        params = {"at_least": str(at_least)} if at_least else {}
        try:
            answer = await client.get(
                f"{self._role.system.url(node)}/v1/views/{topic}", params=params
            )
        except httpx.HTTPError:
            return False
        if answer.status_code == 503:
            return False
        if answer.status_code != 200:
            self.wrong.append(f"{node} answered {answer.status_code} for {topic}: {answer.text}")
            return True
        view = answer.json()
        self._role.book.write(
            Looked(
                node=node,
                caller=self._role.person.user_id,
                topic=topic,
                at_least=at_least,
                epoch=view["epoch"],
                version=view["version"],
                data=view["data"],
            )
        )
        return True
