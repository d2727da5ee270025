"""The client's commands before a real server: sent until they are answered, and done once."""

import uuid

import httpx
import pytest

from foundry_client import Foundry, Problem
from tests.clients.chaos import before
from tests.system.node_process import NodeProcess


async def test_a_command_whose_answer_was_lost_is_sent_again_and_happens_once(
    system: NodeProcess,
) -> None:
    losing = LosesFirstAnswers(2)
    async with (
        httpx.AsyncClient(transport=losing) as http,
        Foundry(system.address, token=system.token, http=http) as foundry,
    ):
        made = await foundry.command("organization.create", {"name": "Once"})
        again = await foundry.command("organization.create", {"name": "Once"}, key=made.command_id)

    assert again == made
    assert len(set(losing.keys)) == 1
    assert uuid.UUID(made.command_id)
    assert (foundry.counters["commands"], foundry.counters["command_retries"]) == (2, 2)


async def test_a_refused_command_is_not_sent_again(system: NodeProcess) -> None:
    async with before(system.address) as proxy:
        async with Foundry(proxy.address, token=system.token) as foundry:
            with pytest.raises(Problem) as refusal:
                await foundry.command("organization.create", {"nonsense": 1})
            made = await foundry.command("organization.create", {"name": "Twice"})
            rename = {"organization_id": made.ids["organization_id"], "name": "Other"}
            await foundry.command("organization.update", rename)
            rename["name"] = "Another"
            with pytest.raises(Problem) as mismatch:
                await foundry.command("organization.update", rename, if_match=made.position)
        assert proxy.proxy.done.requests == 4

    assert (refusal.value.status, refusal.value.code) == (400, "malformed")
    assert refusal.value.errors
    assert (mismatch.value.status, mismatch.value.code) == (412, "version_mismatch")


async def test_at_least_says_when_it_cannot_be_had(system: NodeProcess) -> None:
    async with Foundry(system.address, token=system.token) as foundry:
        with pytest.raises(Problem) as late:
            await foundry.at_least(10**9, "app", within=0.5)
        with pytest.raises(Problem) as nowhere:
            await foundry.at_least(1, "task/task_none")

    assert late.value.code in ("not_caught_up", "unreachable")
    assert nowhere.value.status == 404


class LosesFirstAnswers(httpx.AsyncHTTPTransport):
    """A network that carries every request, and loses the first answers."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count
        self.keys: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.keys.append(request.headers.get("idempotency-key", ""))
        if self._left:
            self._left -= 1
            await response.aclose()
            raise httpx.ReadError("The answer was lost.", request=request)
        return response
