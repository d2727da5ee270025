"""A person who gives commands, through bad times: tries until there is an answer, always under one key; and sends doubles on purpose."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx

from chaos.faults import COMMANDS
from chaos.records import NO_PROBLEM_DOCUMENT, Attempt, Commanded
from chaos.role import Role
from chaos.wishes import Wish, wish

PACE_SECONDS = 0.15
PATIENCE = (0.1, 1.0, 4.0, 12.0)
"""How long an answer is waited for: the impatient leave a command on its way and send it again."""

AGAIN_SECONDS = 0.2
TRY_AGAIN = {429}


class Sender:
    """`outage` is the longest time a command took to be answered, and the cycle in which it was given."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._done: list[tuple[str, Wish, Commanded]] = []
        self._resting = asyncio.Event()
        self.outage = (0.0, 0)
        self.answered = 0
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {role.person.token}"}, trust_env=False
        )

    async def run(self) -> None:
        """Give commands until told to rest; what was begun is brought to its end."""
        async with self._client:
            while not self._resting.is_set():
                await asyncio.sleep(self._role.random.expovariate(1 / PACE_SECONDS))
                if self._done and self._role.random.random() < 0.08:
                    await self._late_double()
                else:
                    await self._give(wish(self._role.random, self._role.town))

    def rest(self) -> None:
        self._resting.set()

    async def _give(self, wanted: Wish) -> None:
        key = str(uuid.UUID(int=self._role.random.getrandbits(128), version=4))
        record = Commanded(
            key=key,
            caller=self._role.person.user_id,
            name=wanted.name,
            fields=wanted.fields,
            attempts=[],
            cycle=self._role.town.cycle,
        )
        began = time.monotonic()
        try:
            if self._role.random.random() < 0.1:
                await self._at_both(key, wanted, record)
            await self._until_answered(key, wanted, record)
        finally:
            self._role.book.write(record)
        self.outage = max(self.outage, (time.monotonic() - began, record.cycle))
        self.answered += 1
        self._done = [*self._done[-200:], (key, wanted, record)]

    async def _at_both(self, key: str, wanted: Wish, record: Commanded) -> None:
        """The same command at both nodes at once, as two windows or a nervous proxy would send it."""
        await asyncio.gather(
            *(self._attempt(node, key, wanted, record.attempts) for node in COMMANDS)
        )

    async def _until_answered(self, key: str, wanted: Wish, record: Commanded) -> None:
        while not is_answered(record.attempts):
            await self._attempt(self._role.random.choice(COMMANDS), key, wanted, record.attempts)
            if not is_answered(record.attempts):
                await asyncio.sleep(self._role.random.uniform(0, 2 * AGAIN_SECONDS))

    async def _late_double(self) -> None:
        """A command that was answered long ago comes again, behind others that were given after it."""
        key, wanted, record = self._role.random.choice(self._done)
        double = Commanded(
            key=key,
            caller=record.caller,
            name=record.name,
            fields=record.fields,
            attempts=[],
            cycle=self._role.town.cycle,
        )
        await self._until_answered(key, wanted, double)
        self._role.book.write(double)

    async def _attempt(self, node: str, key: str, wanted: Wish, attempts: list[Attempt]) -> None:
        at = time.time()
        try:
            answer = await self._client.post(
                f"{self._role.system.url(node)}/v1/commands/{wanted.name}",
                json=wanted.fields,
                headers={"Idempotency-Key": key},
                timeout=self._role.random.choice(PATIENCE),
            )
        except (httpx.HTTPError, asyncio.CancelledError) as error:
            attempts.append(Attempt(at=at, node=node, outcome="unknown"))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        given = answer.json() if "json" in answer.headers.get("content-type", "") else None
        attempts.append(judged(answer.status_code, given, at, node))
        if answer.status_code == 202 and given is not None:
            self._role.town.know(wanted.name, wanted.fields, given["ids"], given["position"])


def judged(status: int, document: Any, at: float, node: str) -> Attempt:
    """What an answer means: `document` is its JSON, None where it is none."""
    if status == 202:
        return Attempt(at=at, node=node, outcome="accepted", status=status, answer=document)
    code = NO_PROBLEM_DOCUMENT if document is None else document["code"]
    again = status >= 500 or status in TRY_AGAIN or code == "conflict"
    return Attempt(
        at=at, node=node, outcome="again" if again else "refused", status=status, code=code
    )


def is_answered(attempts: Sequence[Attempt]) -> bool:
    """Whether somebody knows now what came of a command."""
    return any(attempt.outcome in ("accepted", "refused") for attempt in attempts)
