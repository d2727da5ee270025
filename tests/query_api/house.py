"""Read models on a log that a test writes, and the routes of query_api in front of them."""

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from starlette.applications import Starlette

from events.commit import Commit
from events.ids import Position
from events.job import JobAnnounced
from events.memory import MemoryStore
from query_api.routes import descriptions, questions
from runtime.http import Authenticator
from runtime.identity import Caller
from runtime.lifecycle import Gate
from runtime.problems import HANDLERS
from tests import facts
from tests.projections.world import World, keep

Json = dict[str, Any]


class Doorkeeper:
    """Identity and membership, told from the facts in the log. Tokens are user ids."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.members: set[tuple[str, str]] = {
            (facts.ANNA, facts.ORGANIZATION),
            ("usr_eve", "org_eve"),
        }
        self.ended_while_waiting: set[str] = set()

    async def identify(self, secret: str) -> Caller | None:
        known = secret in {user_id for user_id, _ in self.members}
        return Caller(user_id=secret, name=secret, credential_id="tok_1") if known else None

    async def still_valid(self, caller: Caller) -> bool:
        known = await self.identify(caller.user_id) is not None
        return known and caller.user_id not in self.ended_while_waiting

    async def organization_of(self, topic: str) -> str | None:
        _, _, id = topic.partition("/")
        for position in range(1, await self._store.head() + 1):
            recorded = await self._store.at(Position(position))
            assert recorded is not None
            for event in recorded.commit.events:
                named = [getattr(event, name, None) for name in NAMING]
                if id in named or (isinstance(event, JobAnnounced) and event.job_id == id):
                    return recorded.commit.organization_id
        return None

    async def is_member(self, caller: Caller, organization_id: str) -> bool:
        return (caller.user_id, organization_id) in self.members


NAMING = ("task_id", "session_id", "repository_id", "organization_id", "job_id")


class Command(Struct, frozen=True, kw_only=True):
    """The body of a command, as commands/ would have one."""

    task_id: str
    title: str | None = None


class House:
    def __init__(self, world: World, store: MemoryStore, doorkeeper: Doorkeeper) -> None:
        self.world = world
        self.store = store
        self.happen = world.happen
        self.doorkeeper = doorkeeper
        self.gate = Gate("query_api")
        self.app = Starlette(
            routes=[
                *questions(
                    world.models, store, doorkeeper, Authenticator(doorkeeper), self.gate
                ).routes,
                *descriptions({"task.rename": Command}, version="1.0"),
            ],
            exception_handlers=HANDLERS,
        )

    def client(self, token: str | None = facts.ANNA) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://foundry", headers=headers
        )

    async def get(
        self, path: str, *, token: str | None = facts.ANNA, **headers: str
    ) -> httpx.Response:
        """The answer to a GET; `if_none_match="…"` is sent as a header of that name."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client(token) as client:
            return await client.get(path, headers=sent)

    async def append(self, commit: Commit) -> Position:
        """Store a commit that the read models have yet to hear of."""
        return await keep(self.store, commit)

    async def catch_up(self, position: Position) -> None:
        """Let the read models hear of a commit."""
        stored = await self.store.at(position)
        assert stored is not None
        await self.world.models.apply([stored])

    async def view(self, topic: str, query: str = "") -> Json:
        answer = await self.get(f"/v1/views/{topic}{query}")
        assert answer.status_code == 200, answer.text
        view: Json = answer.json()
        return view


def problem(answer: httpx.Response, status: int, code: str) -> Json:
    """The problem document of an answer, which must be this one."""
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    document: Json = msgspec.json.decode(answer.content)
    assert document["code"] == code
    return document


def ids(elements: Sequence[Json]) -> list[str]:
    return [element["id"] for element in elements]
