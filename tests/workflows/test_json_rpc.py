"""What an agent may write into its pipe, which is anything: read to its end, line by line, without an error."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from workflows.acp_words import (
    abilities_of,
    model_choice,
    offered_models,
    permission_question,
    stop_reason_of,
)
from workflows.json_rpc import Connection, Message

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = (
    *("agentCapabilities", "loadSession", "sessionCapabilities", "resume", "stopReason"),
    *("method", "params", "options", "optionId", "name", "kind", "toolCall", "title"),
    *("authMethods", "type", "configOptions", "availableModels", "modelId"),
    *("category", "id", "value", "result", "error", "code", "message"),
)
WORDS = st.sampled_from(("model", "env_var", "session/request_permission", "end_turn"))
NEAR_MISSES = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=15,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), NEAR_MISSES, max_size=8)
LINES = st.binary(max_size=60) | st.sampled_from(
    (
        b'{"id": 1, "result": {}}',
        b'{"id": true, "result": 7}',
        b'{"id": 1, "error": []}',
        b'{"id": 1, "error": {"message": 1, "data": {"details": []}}}',
        b'{"method": "x"}',
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"method": "\\ud800"}',
        b"[" * 5000,
        b"\xff\xfe{",
    )
)


class Pipe:
    """Both ends of it: gives what an agent printed, in pieces, and takes what is written."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [*reversed([piece for piece in pieces if piece])]

    async def read(self, n: int = -1) -> bytes:
        return self._pieces.pop() if self._pieces else b""

    def write(self, data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        pass


class Heard:
    def __init__(self) -> None:
        self.told: list[object] = []

    async def message(self, message: Message) -> None:
        self.told.append(repr(message))

    async def noise(self, line: str) -> None:
        self.told.append(line)


async def heard(pieces: list[bytes]) -> list[object]:
    pipe, listener = Pipe(pieces), Heard()
    await Connection(pipe, pipe, listener).run()
    return listener.told


@given(st.lists(LINES, max_size=6), st.lists(st.integers(0, 400), max_size=4))
def test_whatever_is_printed_is_a_message_or_noise_however_it_is_cut(
    lines: list[bytes], cuts: list[int]
) -> None:
    printed = b"\n".join(lines)
    places = [0, *sorted(min(cut, len(printed)) for cut in cuts), len(printed)]
    pieces = [printed[at:to] for at, to in pairwise(places)]

    assert asyncio.run(heard(pieces)) == asyncio.run(heard([printed]))


async def test_an_answer_is_to_the_number_that_asked_and_not_to_what_equals_it() -> None:
    pipe = Pipe([b'{"id": true, "result": "of nobody"}\n{"id": 1, "result": "mine"}\n'])
    connection = Connection(pipe, pipe, Heard())

    asking = asyncio.create_task(connection.request("x", {}, deadline=5.0))
    await asyncio.sleep(0)
    await connection.run()

    assert await asking == "mine"


@given(OBJECTS, st.text(max_size=5) | WORDS)
@example({"options": [{"id": "model", "options": [{"value": []}]}]}, "m")
def test_no_answer_and_no_request_of_an_agent_is_too_odd(
    message: dict[str, Any], model: str
) -> None:
    abilities_of(message)
    stop_reason_of(message)
    permission_question(message)
    sessions: list[Message] = [message, {"configOptions": [message]}, {"models": message}]
    for session in sessions:
        model_choice(session, model)
        offered_models(session)


@given(JSON)
def test_a_list_of_options_may_be_anything(options: object) -> None:
    assert model_choice({"configOptions": options, "models": options}, "m") is None
