"""Much at once: a batch of renames, sent whole until each line is answered; so a reader who stands still is soon owed a lot."""

import asyncio
import json
import time
import uuid

import httpx

from chaos.faults import COMMANDS
from chaos.records import Attempt, Commanded
from chaos.role import Role
from chaos.sender import is_answered, judged
from chaos.wishes import mark

LINES = 50
WITHIN = 30.0
AGAIN_SECONDS = 0.5


class Burst:
    """One person's way to send batches, one at a time."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._turn = asyncio.Lock()

    async def send(self) -> None:
        """Rename the newest tasks `LINES` times, one after another; nothing while there are none, or while that is under way."""
        if self._turn.locked() or not self._role.town.all_tasks:
            return
        async with self._turn:
            commands = [self._rename() for _ in range(LINES)]
            try:
                headers = {"Authorization": f"Bearer {self._role.person.token}"}
                async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
                    while not all(is_answered(command.attempts) for command in commands):
                        await self._attempt(client, commands)
                        await asyncio.sleep(self._role.random.uniform(0, AGAIN_SECONDS))
            finally:
                for command in commands:
                    self._role.book.write(command)

    def _rename(self) -> Commanded:
        task = self._role.random.choice(self._role.town.all_tasks[-2:])
        # As long as a title may be.
        title = f"Burst {mark(self._role.random)} ".ljust(199, ".") + "!"
        return Commanded(
            key=str(uuid.UUID(int=self._role.random.getrandbits(128), version=4)),
            caller=self._role.person.user_id,
            name="task.rename",
            fields={"task_id": task.id, "title": title},
            attempts=[],
            cycle=self._role.town.cycle,
        )

    async def _attempt(self, client: httpx.AsyncClient, commands: list[Commanded]) -> None:
        """All lines, also those that were answered: their answers must stay what they were."""
        node = self._role.random.choice(COMMANDS)
        at = time.time()
        body = b"\n".join(
            json.dumps({"name": one.name, "command_id": one.key, "data": one.fields}).encode()
            for one in commands
        )
        heard = 0
        try:
            async with client.stream(
                "POST",
                f"{self._role.system.url(node)}/v1/commands",
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
                timeout=WITHIN,
            ) as response:
                if response.status_code != 200:
                    return
                async for line in response.aiter_lines():
                    answer = json.loads(line)
                    command = commands[answer.pop("line") - 1]
                    command.attempts.append(judged(answer.pop("status"), answer, at, node))
                    heard += 1
        except (httpx.HTTPError, ValueError, asyncio.CancelledError) as error:
            for command in commands[heard:]:
                command.attempts.append(Attempt(at=at, node=node, outcome="unknown"))
            if isinstance(error, asyncio.CancelledError):
                raise
