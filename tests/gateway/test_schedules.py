"""For any order of commits, interests, stalls, reconnects and rebuilds two clients end with what the server has."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.memory_views import put, remove
from tests.gateway.node import Node, running
from tests.gateway.reader import Reader

TASKS = ("task/task_1", "task/task_2", "workspace/org_1")

Step = tuple[str, int, int]

commits = st.tuples(st.just("commit"), st.integers(0, 2), st.integers(0, 4))
bursts = st.tuples(st.just("burst"), st.integers(0, 2), st.integers(1, 120))
interests = st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 2), st.just(0))
others = st.tuples(
    st.sampled_from(["read", "rebuild", "forget", "reconnect", "return", "meanwhile"]),
    st.integers(0, 2),
    st.integers(1, 20),
)
schedules = st.lists(st.one_of(commits, bursts, interests, others, others), min_size=5, max_size=30)


class Client:
    """Follows a schedule: one stream after another, one state throughout.

    All meet when their schedules are at an end: nothing is committed after that.
    """

    def __init__(self, node: Node, end: asyncio.Barrier) -> None:
        self.node = node
        self.end = end
        self.wanted = {TASKS[0]}
        self.revision = 0
        self.sid = ""
        self.number = 0
        self.meanwhile: list[str] = []
        node.views.reading = self._read

    async def run(self, schedule: list[Step]) -> None:
        reader: Reader | None = None
        steps = list(schedule)
        step: Step = ("reconnect", 0, 0)
        while True:
            async with self._stream(reader, natively=step[0] == "return") as reader:
                self.revision = 0
                self.sid = (await reader.until("hello")).data["sid"]
                while steps:
                    step = steps.pop(0)
                    if step[0] in ("reconnect", "return"):
                        break
                    await self._take(step, reader)
                else:
                    await self._catch_up(reader)
                    return
            for number in range(step[2] % 5):
                self._commit(TASKS[step[1]], number)

    def _stream(
        self, before: Reader | None, *, natively: bool
    ) -> AbstractAsyncContextManager[Reader]:
        """The next stream: as a fetch client with what it holds, or as an EventSource with its last id."""
        held = {} if before is None else before.held
        topics = {topic: held[topic].etag if topic in held else None for topic in self.wanted}
        topics = topics or {"app": None}
        if natively and before is not None and all(topics.values()):
            cursor = before.last_id
            return self.node.stream(*topics, cursor=cursor, held=held, receive_buffer=4096)
        return self.node.post_stream(topics, held=held, receive_buffer=4096)

    async def _take(self, step: Step, reader: Reader) -> None:
        name, which, amount = step
        topic, views = TASKS[which], self.node.views
        match name:
            case "commit":
                self._commit(topic, amount)
            case "burst":
                for _ in range(amount):
                    self.number += 1
                    text = f"{self.number}:" + "x" * 6000
                    views.write({topic: [put("session", f"ses_{self.number % 3}", text=text)]})
                    if self.number % 3:
                        views.tell()
                views.tell()
            case "add" if topic not in self.wanted:
                self.wanted.add(topic)
                await self._interest({"add": {topic: None}})
            case "remove" if topic in self.wanted:
                self.wanted.discard(topic)
                await self._interest({"remove": [topic]})
            case "read":
                for _ in range(amount):
                    try:
                        await reader.next(0.005)
                    except TimeoutError:
                        break
            case "rebuild" if amount > 15:
                views.rebuild("task_detail")
            case "forget":
                views.forget(topic)
            case "meanwhile":
                self.meanwhile = [topic] * amount
            case _:
                await asyncio.sleep(0)

    async def _read(self) -> None:
        """Commits fall between the moments of a read."""
        if self.meanwhile:
            self._commit(self.meanwhile.pop(), self.number % 5)
        await asyncio.sleep(0)

    def _commit(self, topic: str, which: int) -> None:
        self.number += 1
        identity = f"ses_{which}"
        removed = remove("session", identity)
        kept = put("session", identity, number=self.number)
        self.node.views.commit(topic, removed if self.number % 4 == 0 else kept)

    async def _interest(self, change: dict[str, object]) -> None:
        self.revision += 1
        await self.node.interest(self.sid, {"revision": self.revision, **change})

    async def _catch_up(self, reader: Reader) -> None:
        """A last revision and its ready: everything wanted is live and needs no later commit to be right."""
        views = self.node.views
        self.meanwhile.clear()
        await self.end.wait()
        await self._interest({})
        while (await reader.until("ready")).data["revision"] < self.revision:
            pass
        for topic in self.wanted:
            await reader.until_version(topic, await views.version(topic) or 0)
        for topic in self.wanted:
            assert reader.held[topic].document.data == views.data(topic)


async def follow(schedules: Sequence[list[Step]]) -> None:
    end = asyncio.Barrier(len(schedules))
    async with running() as node, asyncio.TaskGroup() as clients:
        for schedule in schedules:
            clients.create_task(Client(node, end).run(schedule))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schedules, schedules)
def test_the_clients_end_with_what_the_server_has(one: list[Step], other: list[Step]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(follow((one, other)))
