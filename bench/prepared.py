"""What a bench makes before it measures: organizations, a repository, tasks that wait for a worker."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.scenery import Running, git_repository

LINES = 500
"""Lines in one batch, which may have 8 MB."""

SIDE_BY_SIDE = 4


class Task(NamedTuple):
    organization_id: str
    repository_id: str
    task_id: str
    session_id: str


def plain_client(address: str, headers: Mapping[str, str], *, timeout: float) -> httpx.AsyncClient:
    """A client that reads no certificates: that alone would stop the loop for 15 ms, in the middle of what is timed."""
    return httpx.AsyncClient(
        base_url=address, headers=headers, timeout=timeout, trust_env=False, verify=False
    )


async def submitted(
    running: Running, lines: Sequence[Mapping[str, object]]
) -> list[dict[str, str]]:
    """Run commands in batches; the ids that each line named or made."""
    slots = asyncio.Semaphore(SIDE_BY_SIDE)
    headers = {
        "Authorization": f"Bearer {running.token}",
        "Content-Type": "application/x-ndjson",
    }
    async with plain_client(running.address, headers, timeout=120) as client:

        async def one_batch(some: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
            async with slots:
                content = "\n".join(json.dumps(line) for line in some)
                answer = await client.post("/v1/commands", content=content)
            answers = [json.loads(line) for line in answer.text.split("\n") if line]
            assert all(one["status"] == 202 for one in answers), answers
            return [one["ids"] for one in answers]

        parts = await asyncio.gather(
            *(one_batch(lines[at : at + LINES]) for at in range(0, len(lines), LINES))
        )
    return [one for part in parts for one in part]


async def organizations(running: Running, many: int) -> list[str]:
    """Their ids."""
    lines = [{"name": "organization.create", "data": {"name": "Bench"}}] * many
    return [one["organization_id"] for one in await submitted(running, lines)]


async def tasks(running: Running, folder: Path, many: int) -> list[Task]:
    """Tasks of one repository. Without a worker nothing but what is measured goes on."""
    (organization_id,) = await organizations(running, 1)
    origin = folder / f"origin-{organization_id}"
    data = {
        "organization_id": organization_id,
        "remote_url": str(git_repository(origin, files=1)),
    }
    (added,) = await submitted(running, [{"name": "repository.add", "data": data}])
    repository_id = added["repository_id"]
    command = {"repository_id": repository_id, "prompt": "true", "title": "A task of the bench"}
    made = await submitted(running, [{"name": "task.create", "data": command}] * many)
    return [Task(organization_id, repository_id, one["task_id"], one["session_id"]) for one in made]
