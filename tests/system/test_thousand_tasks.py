"""A thousand tasks, created by fifty clients at once on two nodes, while fifty others watch."""

import asyncio

from tests.system.client import Accepted, Client
from tests.system.people import House

TASKS = 1000
CLIENTS = 50


async def test_every_watcher_ends_with_the_same_thousand_tasks(
    pair_house: tuple[House, Client],
) -> None:
    house, other_node = pair_house
    nodes = (house.owner, other_node)
    all_watch = asyncio.Barrier(CLIENTS + 1)
    last: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async with asyncio.TaskGroup() as tasks:
        watchers = [
            tasks.create_task(_watch(nodes[n % 2], house, all_watch, last)) for n in range(CLIENTS)
        ]
        await all_watch.wait()
        creators = [
            tasks.create_task(_create(nodes[n % 2], house, TASKS // CLIENTS))
            for n in range(CLIENTS)
        ]
        accepted = [one for creator in creators for one in await creator]
        last.set_result(max(one.position for one in accepted))

    wanted = {one.ids["task_id"] for one in accepted}
    final = await house.owner.view(house.workspace, at_least=last.result())
    assert len(wanted) == TASKS
    assert [task["id"] for task in final["data"]["tasks"]] == sorted(wanted)
    assert await other_node.view(house.workspace, at_least=last.result()) == final
    for watcher in watchers:
        assert watcher.result() == (final["version"], final["data"], 0)


async def _create(client: Client, house: House, count: int) -> list[Accepted]:
    return [
        await client.command("task.create", repository_id=house.repository_id, prompt="true")
        for _ in range(count)
    ]


async def _watch(
    client: Client, house: House, all_watch: asyncio.Barrier, last: asyncio.Future[int]
) -> tuple[int, object, int]:
    """The version and the view that were folded up to the last task, and how often something came twice."""
    async with client.stream(house.workspace) as stream:
        await stream.until_ready()
        await all_watch.wait()
        await stream.until(lambda _: last.done(), within=120)
        await stream.until_version(house.workspace, last.result(), within=120)
        held = stream.held[house.workspace]
        return held.version, held.data, stream.dropped
