"""A worker that is killed at chosen commits, and a node that stays to see what comes of it."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.system.log_gate import Cut, LogGate
from tests.system.node_process import NodeProcess
from tests.system.people import House, turn_is_over

REACHED_WITHIN = 40.0
ENDED_WITHIN = 60.0


@dataclass
class Crashing:
    """A worker behind the gate, and a house at a node that stays."""

    worker: NodeProcess
    gate: LogGate
    house: House

    async def through(self, cuts: Sequence[Cut]) -> int:
        """Kill the worker at each cut in turn, then let it go on; when it was ready, in milliseconds."""
        for cut, following in zip(cuts, [*cuts[1:], None], strict=True):
            try:
                await self.gate.reached(REACHED_WITHIN)
            except TimeoutError:
                raise AssertionError(f"{cut} not reached\n{self.worker.end_of_log()}") from None
            await asyncio.to_thread(self.worker.kill)
            self.gate.arm(following)
            if following is not None:
                self.worker.launch()
        await asyncio.to_thread(self.worker.start)
        return time.time_ns() // 1_000_000

    async def until(self, task_id: str, status: str) -> Any:
        topic = f"task/{task_id}"
        async with self.house.owner.stream(topic) as stream:
            return await stream.until_data(
                topic,
                lambda task: (
                    task["status"] == status and turn_is_over(task)
                    if status == "idle"
                    else task["status"] == status
                ),
                ENDED_WITHIN,
            )

    async def facts_of(self, thing_id: str) -> list[tuple[int, str]]:
        """Each fact of a history with its time."""
        answer = await self.house.owner.get(f"/v1/history/{thing_id}", limit=1000)
        entries = answer.json()["entries"]
        return [(entry["at"], fact) for entry in entries for fact in entry["events"]]

    def working_trees(self) -> int:
        """How many working trees git knows, of all repositories of the worker."""
        repositories = self.worker.data / "repositories"
        listed = [
            subprocess.run(
                ["git", "-C", str(folder), "worktree", "list", "--porcelain"],
                capture_output=True,
                check=True,
            ).stdout.count(b"worktree ")
            # The bare repository lists itself.
            - 1
            for folder in repositories.iterdir()
            if (folder / "complete").exists()
        ]
        return sum(listed)
