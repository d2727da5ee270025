"""The tasks of this host about which something may have changed, to be looked at one after the other."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from commands.aggregates import Aggregates
from commands.task import TASK
from commands.task_state import Task
from events.ids import TaskId
from runtime.errors import FoundryError
from runtime.pulse import Pulse

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
ROUND_SECONDS = 120.0
"""Much longer than it takes to read one task, or to look at what one commit told."""


class WokenTasks:
    """`wake` is called from anywhere; one reads `each`.

    `name` is what they are looked at for.
    """

    def __init__(self, name: str, aggregates: Aggregates, *, host: str) -> None:
        self._aggregates = aggregates
        self._host = host
        self.pulse = Pulse(name, within=ROUND_SECONDS)
        self._dirty: dict[TaskId, None] = {}
        self._wake = asyncio.Event()

    def wake(self, task_id: TaskId) -> None:
        """Look at this task soon."""
        self._dirty[task_id] = None
        self._wake.set()

    async def each(self) -> AsyncGenerator[Task, None]:
        """The woken tasks whose sandbox is on this host, for ever. One that cannot be read is woken again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                task_id = next(iter(self._dirty))
                del self._dirty[task_id]
                try:
                    with self.pulse.round():
                        task = await self.task(task_id)
                except FoundryError as error:
                    log.warning(
                        "task cannot be read now",
                        extra={"task_id": task_id, "reason": error.detail},
                    )
                    asyncio.get_running_loop().call_later(RETRY_SECONDS, self.wake, task_id)
                    continue
                if task is not None and task.sandbox and task.sandbox.host == self._host:
                    yield task

    async def task(self, task_id: TaskId) -> Task | None:
        """Any task as it is now, wherever its sandbox is."""
        state = (await self._aggregates.load(TASK, task_id)).state
        return state if isinstance(state, Task) else None
