"""What a programmer gets wrong is said at once: it must not look like a server that does not answer."""

import asyncio
import copy
import json
import pickle
from contextlib import aclosing

import httpx
import pytest

from foundry_client import Foundry, Problem

HELLO = b'event: hello\ndata: {"sid": "s", "heartbeat_ms": 15000}\n\n'
SNAPSHOT = b'event: snapshot\ndata: {"topic": "app", "epoch": "e", "version": 5, "cause": {"kind": "bootstrap"}, "data": {}}\n\n'

ADDRESSES = (
    "",
    "127.0.0.1:7741",
    "localhost:7741",
    "ftp://host",
    "http://[::1",
    "http://host:99999",
)


NO_JSON = (b"<html>", b"\xff", b"[" * 100_000)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_no_request_can_be_made_with_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is no address of a server"):
        Foundry(address)


@pytest.mark.parametrize("token", ["fdy_ü", "日本", "fdy_one\nfdy_two"])
async def test_a_token_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="as `foundry token` prints it"):
        Foundry("http://host", token=token)
    async with Foundry("http://host") as foundry:
        with pytest.raises(ValueError, match="as `foundry token` prints it"):
            foundry.signed_in(token)


@pytest.mark.parametrize(
    ("token", "sent"), [("fdy_one\n", "Bearer fdy_one"), ("", "Bearer"), (None, None)]
)
async def test_a_token_is_sent_as_it_was_read_from_its_file(
    token: str | None, sent: str | None
) -> None:
    seen: list[httpx.Request] = []
    async with answering(seen, ACCEPTED) as http, Foundry("", token=token, http=http) as foundry:
        await foundry.command("task.rename")

    assert [request.headers.get("authorization") for request in seen] == [sent]


@pytest.mark.parametrize("words", [{"key": "one\ntwo"}, {"key": "ü"}, {"if_match": "one\ntwo"}])
async def test_a_key_no_header_can_carry_is_refused(words: dict[str, str]) -> None:
    async with Foundry("http://host") as foundry:
        with pytest.raises(ValueError, match="ASCII text on one line"):
            await foundry.command("task.rename", within=1, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "foreign", [{"signed_in": True}, [], {"command_id": "x", "position": "7"}, *NO_JSON]
)
async def test_a_success_no_command_answers_with_is_as_good_as_none(foreign: object) -> None:
    seen: list[httpx.Request] = []
    async with answering(seen, foreign, ACCEPTED) as http, Foundry("", http=http) as foundry:
        accepted = await foundry.command("task.rename")

    assert accepted.position == 7
    keys = {request.headers["idempotency-key"] for request in seen}
    assert (len(seen), len(keys)) == (2, 1)


@pytest.mark.parametrize("foreign", NO_JSON)
async def test_an_event_that_is_not_json_ends_the_stream_and_the_next_one_goes_on(
    foreign: bytes,
) -> None:
    streams = [HELLO + b"event: snapshot\ndata: " + foreign + b"\n\n", HELLO + SNAPSHOT]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, content=streams.pop(0)
        )

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http,
        Foundry("http://host", http=http) as foundry,
        asyncio.timeout(20),
        aclosing(foundry.watch("app")) as news,
    ):
        view, _ = await anext(news)

    assert view is not None
    assert view.version == 5


async def test_an_address_that_only_redirects_says_where_to() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(308, headers={"location": f"https://host{request.url.path}"})

    transport = httpx.MockTransport(answer)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        Foundry("http://host", http=http) as foundry,
    ):
        with pytest.raises(Problem, match=r"redirects to https://host/v1/commands/task\.rename"):
            await foundry.command("task.rename")


async def test_a_topic_that_is_no_text_is_refused_and_breaks_nobody_elses_stream() -> None:
    async with Foundry("http://host") as foundry:
        with pytest.raises(ValueError, match="is no topic"):
            foundry.subscribe("task/\ud800")

        assert foundry.state == "idle"


def test_a_subscription_outside_of_an_event_loop_leaves_the_manager_as_it_was() -> None:
    foundry = Foundry("http://host")

    with pytest.raises(RuntimeError, match="no running event loop"):
        foundry.subscribe("app")

    assert foundry.state == "idle"


def test_a_problem_can_be_copied_and_sent_to_another_process() -> None:
    problem = Problem(412, "version_mismatch", "Read it again.", ({"pointer": "/title"},), key="k")

    for other in (copy.copy(problem), pickle.loads(pickle.dumps(problem))):
        assert vars(other) == vars(problem)
        assert str(other) == str(problem) == "412 version_mismatch: Read it again."


ACCEPTED = {"command_id": "x", "position": 7, "events": ["task_renamed"], "ids": {}}


def answering(seen: list[httpx.Request], *bodies: object) -> httpx.AsyncClient:
    """A client of whoever says these one after the other, with a base address as one may have."""
    left = list(bodies)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        body = left.pop(0)
        return httpx.Response(202, content=body if isinstance(body, bytes) else json.dumps(body))

    return httpx.AsyncClient(base_url="http://host", transport=httpx.MockTransport(answer))
