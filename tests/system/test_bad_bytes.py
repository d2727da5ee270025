"""Requests that are strange as bytes: too large, in pieces, of an older protocol, with headers that end too late."""

import json

import pytest

from tests.system.client import new_key
from tests.system.conftest import OWNER_TOKEN
from tests.system.node_process import NodeProcess
from tests.system.raw_http import RawAnswer, RawConnection, ask_once

Pair = tuple[NodeProcess, NodeProcess]
CREATE = "/v1/commands/organization.create"
BODY = b'{"name":"Raw"}'


def request(
    path: str,
    *headers: str,
    method: str = "POST",
    version: str = "1.1",
    body: bytes = b"",
    media_type: str = "application/json",
) -> bytes:
    lines = [
        f"{method} {path} HTTP/{version}",
        "Host: foundry",
        f"Authorization: Bearer {OWNER_TOKEN}",
        f"Content-Type: {media_type}",
        *headers,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def held_to_contract(answer: RawAnswer, status: int, code: str) -> None:
    assert answer.status == status, answer
    document = json.loads(answer.body)
    assert (document["status"], document["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (CREATE, 413),
        ("/v1/commands/x.y", 413),
        ("/v1/commands", 413),
        ("/v1/login", 413),
        ("/v1/stream", 413),
        ("/v1/stream/a.b/interest", 413),
        ("/v1/logout", 204),
        ("/v1/nothing", 404),
        ("/v1/views/app", 405),
    ],
)
async def test_after_ten_megabytes_the_connection_goes_on(
    pair: Pair, path: str, status: int
) -> None:
    connection = await RawConnection.open(pair[0].address)
    media_type = "application/x-ndjson" if path == "/v1/commands" else "application/json"
    head = request(path, f"Content-Length: {160 * 65_536}", media_type=media_type)

    answer = await connection.ask(head, *([b"x" * 65_536] * 160))
    next_one = await connection.ask(request(CREATE, f"Content-Length: {len(BODY)}", body=BODY))

    assert (answer.status, next_one.status) == (status, 202)
    if status == 413:
        held_to_contract(answer, 413, "too_large")
    connection.close()


async def test_a_body_without_end_is_not_read_for_ever(pair: Pair) -> None:
    connection = await RawConnection.open(pair[0].address)
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

    connection.send(request(CREATE, "Transfer-Encoding: chunked"))
    answer = await connection.answer_to_endless(chunk, limit=64 * 1024 * 1024)

    held_to_contract(answer, 413, "too_large")
    connection.close()


async def test_a_body_in_chunks_is_a_body(pair: Pair) -> None:
    pieces = (b"5\r\n" + BODY[:5] + b"\r\n", b"9\r\n" + BODY[5:] + b"\r\n", b"0\r\n\r\n")
    connection = await RawConnection.open(pair[0].address)

    answer = await connection.ask(request(CREATE, "Transfer-Encoding: chunked"), *pieces)

    assert answer.status == 202
    connection.close()


async def test_the_protocol_before_this_one_is_understood(pair: Pair) -> None:
    answer = await ask_once(
        pair[0].address,
        request(CREATE, f"Content-Length: {len(BODY)}", version="1.0", body=BODY),
    )
    missing = await ask_once(pair[0].address, request("/v1/nothing", method="GET", version="1.0"))

    assert answer.status == 202
    held_to_contract(missing, 404, "not_found")


async def test_the_protocol_before_this_one_gets_no_chunks(pair: Pair) -> None:
    lines = b'{"name": "organization.create", "data": {"name": "Raw"}}\n' * 2
    size = f"Content-Length: {len(lines)}"
    kind = "application/x-ndjson"

    answer = await ask_once(
        pair[0].address,
        request("/v1/commands", size, version="1.0", body=lines, media_type=kind),
    )

    assert "transfer-encoding" not in answer.headers
    assert [json.loads(line)["status"] for line in answer.body.splitlines()] == [202, 202]


async def test_two_keys_are_one_too_many(pair: Pair) -> None:
    keys = [f"Idempotency-Key: {new_key()}" for _ in range(2)]

    for path, kind in ((CREATE, "application/json"), ("/v1/commands", "application/x-ndjson")):
        length = f"Content-Length: {len(BODY)}"
        sent = request(path, *keys, length, body=BODY, media_type=kind)
        held_to_contract(await ask_once(pair[0].address, sent), 400, "malformed")


async def test_an_expected_continue_is_given(pair: Pair) -> None:
    connection = await RawConnection.open(pair[0].address)

    go_on = await connection.ask(
        request(CREATE, f"Content-Length: {len(BODY)}", "Expect: 100-continue")
    )
    answer = await connection.ask(BODY)

    assert (go_on.status, answer.status) == (100, 202)
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        ("Idempotency-Key: a\rb",),
        ("Idempotency-Key: 0189d6a0-7b5e-7c3e-8f0a-5d3c2b1a0f9e\n X: y",),
        ("Idempotency-Key: \x000189d6a0",),
        ("Last-Event-ID: 1\x00",),
        ("Bad Header: x",),
        ("X-Request-Id: a\x1b[31m",),
        ("Content-Length: -1",),
        ("Content-Length: x",),
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("X: " + "y" * 200_000,),
    ],
)
async def test_headers_that_cannot_be_are_refused_or_harmless(
    pair: Pair, headers: tuple[str, ...]
) -> None:
    sent = (
        headers
        if any(one.startswith("Content-Length") for one in headers)
        else (*headers, f"Content-Length: {len(BODY)}")
    )

    answer = await ask_once(pair[0].address, request("/v1/nothing", *sent, body=BODY))

    assert 400 <= answer.status < 500
    assert "x: y" not in answer.headers
    assert b"\x1b" not in str(answer.headers).encode()
    alive = await ask_once(pair[0].address, request("/healthz", method="GET"))
    assert alive.status == 200


@pytest.mark.parametrize(
    "start",
    [
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v1/views/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/views/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://other.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_request_does_no_harm(pair: Pair, start: bytes) -> None:
    answer = await ask_once(pair[0].address, start)

    assert answer.status < 500
    alive = await ask_once(pair[0].address, request("/healthz", method="GET"))
    assert alive.status == 200


async def test_nonsense_behind_a_stream_harms_nobody_and_not_that_stream(pair: Pair) -> None:
    streams = [await RawConnection.open(pair[0].address) for _ in range(2)]
    for one in streams:
        one.send(request("/v1/stream?topic=app", method="GET"))
        await one.until(b"event: ready")

    streams[0].send(b"nonsense\r\n\r\n")
    for _ in range(2):
        created = await ask_once(
            pair[0].address, request(CREATE, f"Content-Length: {len(BODY)}", body=BODY)
        )
        assert created.status == 202
        seen = [await one.until(b"event: change") for one in streams]
        assert not any(b"HTTP/1.1" in one for one in seen)

    for one in streams:
        one.close()


async def test_what_is_no_request_is_told_what_to_do(pair: Pair) -> None:
    answer = await ask_once(pair[0].address, b"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    held_to_contract(answer, 400, "malformed")
    assert "correct its first line" in json.loads(answer.body)["detail"]


async def test_a_client_that_leaves_in_the_middle_does_no_harm(pair: Pair) -> None:
    for _ in range(20):
        connection = await RawConnection.open(pair[0].address)
        connection.send(request(CREATE, "Content-Length: 1000", body=b'{"name":'))
        connection.close()

    alive = await ask_once(pair[0].address, request("/readyz", method="GET"))
    assert alive.status == 200
