"""However many commands are given at once, no more of them are under way than there are connections."""

import asyncio

import httpx

from foundry_client import Foundry

MANY = 300
CONNECTIONS = 100


async def test_commands_wait_for_their_turn_before_the_connections() -> None:
    under_way, most, room = 0, 0, asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await room.wait()
        under_way -= 1
        key = request.headers["idempotency-key"]
        return httpx.Response(202, json={"command_id": key, "position": 1, "events": []})

    transport = httpx.MockTransport(answer)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        Foundry("http://host", http=http) as foundry,
        asyncio.TaskGroup() as tasks,
    ):
        given = [tasks.create_task(foundry.command("task.rename")) for _ in range(MANY)]
        async with asyncio.timeout(10):
            while under_way < CONNECTIONS and most < CONNECTIONS * 0.9:
                await asyncio.sleep(0)
        room.set()

    assert len({task.result().command_id for task in given}) == MANY
    assert most < CONNECTIONS
