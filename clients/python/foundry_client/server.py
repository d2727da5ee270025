"""The server's routes as the manager uses them, over httpx."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from foundry_client.problem import MAX_DETAIL, NOT_JSON, problem_of, retry_after_ms

ANSWER_SECONDS = 15.0
COMMAND_ANSWER_SECONDS = 35.0
"""The server ends a command within 30 s."""

MOST_AT_ONCE = 90
"""Requests under way. Those that httpx has to queue, beyond 100 connections, it looks through again for each answer."""

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)

UNREACHABLE = (httpx.HTTPError, httpx.StreamError, OSError)
"""What a request raises when the network, or somebody in it, fails."""


class BadAddress(ValueError):
    """No request can be made to a server at this address."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer as far as the manager needs it; `status` 0: there was none."""

    status: int
    body: Any = None
    code: str = ""
    detail: str = ""
    errors: tuple[dict[str, Any], ...] = ()
    retry_after_ms: int = 0


class Accepted(Struct, frozen=True):
    """A command that was stored. `position` is what to wait for with `at_least`."""

    command_id: str
    position: int
    events: tuple[str, ...]
    ids: dict[str, str] = {}
    secret: str | None = None


class Server:
    """`token` may be set anew at any time; without one the client's cookies have to do.

    Raises `ValueError` for an address or a token that no request can be made with: it would look like one
    that nobody answers, and be tried for ever.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, token: str | None) -> None:
        self._http = http
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._url = url.rstrip("/")
        self.token = token
        check_address(http, self._url)

    @property
    def token(self) -> str | None:
        return self._token

    @token.setter
    def token(self, token: str | None) -> None:
        # Read from a file it ends with a newline, which no header may.
        token = token and token.strip()
        if token and not _fits_a_header(token):
            raise ValueError("A token is ASCII text on one line, as `foundry token` prints it.")
        self._token = token

    @asynccontextmanager
    async def stream(
        self, topics: Mapping[str, str | None], cursor: str | None
    ) -> AsyncIterator[httpx.Response]:
        """Open a stream. How long it may take is the step function's to say."""
        body: dict[str, Any] = {"topics": topics}
        if cursor is not None:
            body["cursor"] = cursor
        headers = self._headers(Accept="text/event-stream") | {"Accept-Encoding": "identity"}
        async with self._http.stream(
            "POST",
            f"{self._url}/v1/stream",
            content=msgspec.json.encode(body),
            headers=headers,
            timeout=None,
        ) as response:
            yield response

    async def interest(
        self, sid: str, revision: int, add: Mapping[str, str | None], remove: list[str]
    ) -> Answer:
        body = {"revision": revision, "add": add, "remove": remove}
        return await self._ask(
            "POST", f"/v1/stream/{quote(sid, safe='')}/interest", content=msgspec.json.encode(body)
        )

    async def view(self, topic: str, *, etag: str | None, at_least: int | None) -> Answer:
        """One conditional read; 304 when what is held is still what there is."""
        headers = {"If-None-Match": f'"{etag}"'} if etag else {}
        params = {} if at_least is None else {"at_least": at_least}
        path = f"/v1/views/{quote(topic)}"
        answer = await self._ask("GET", path, headers=headers, params=params)
        if answer.status == 200 and not _is_view(answer.body):
            return Answer(status=0, code="unreadable", detail="A view without a part it must have.")
        return answer

    async def command(
        self, name: str, data: Mapping[str, Any], *, key: str, if_match: str | None
    ) -> Answer:
        """Send a command once. The `body` of a success is an `Accepted`.

        Raises `ValueError` for a key or a condition that no request can be made with.
        """
        if not _fits_a_header(key + (if_match or "")):
            raise ValueError("`key` and `if_match` are ASCII text on one line: a UUID, a tag.")
        headers = {"Idempotency-Key": key} | ({"If-Match": if_match} if if_match else {})
        answer = await self._ask(
            "POST",
            f"/v1/commands/{quote(name, safe='')}",
            content=msgspec.json.encode(data),
            headers=headers,
            timeout=COMMAND_ANSWER_SECONDS,
        )
        if not 200 <= answer.status < 300:
            return answer
        try:
            return Answer(status=answer.status, body=msgspec.convert(answer.body, Accepted))
        except msgspec.ValidationError:
            return Answer(
                status=0,
                code="unreadable",
                detail=f"A {answer.status} that no command answers with.",
            )

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = ANSWER_SECONDS,
        **options: Any,
    ) -> Answer:
        try:
            async with self._places:
                response = await self._http.request(
                    method,
                    self._url + path,
                    headers=self._headers(**(headers or {})),
                    timeout=timeout,
                    **options,
                )
        except UNREACHABLE as error:
            return Answer(status=0, code="unreachable", detail=str(error) or type(error).__name__)
        return answer_of(response, response.content)

    def _headers(self, **more: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", **more}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}".strip()
        return headers


def _fits_a_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


def answer_of(response: httpx.Response, body: bytes) -> Answer:
    """The parts of an answer. A success that is not JSON is somebody else's: as good as none."""
    status = response.status_code
    if status == 304:
        return Answer(status=status)
    if 200 <= status < 300:
        try:
            return Answer(status=status, body=msgspec.json.decode(body))
        except NOT_JSON:
            return Answer(status=0, code="unreadable", detail=f"A {status} that is not JSON.")
    problem = problem_of(status, body)
    return Answer(
        status=status,
        code=problem.code,
        detail=problem.detail or _plainly(response),
        errors=problem.errors,
        retry_after_ms=retry_after_ms(response),
    )


def _plainly(response: httpx.Response) -> str:
    """What an answer says that is no problem document, as that of somebody in between."""
    if response.has_redirect_location:
        location = response.headers["location"][:MAX_DETAIL]
        return f"This redirects to {location}; give the address of the server itself."
    return response.reason_phrase


def check_address(http: httpx.AsyncClient, url: str) -> None:
    """Of a client with a `base_url` the address may be relative to that. Raises `BadAddress`."""
    try:
        asked = http.build_request("GET", f"{url}/v1/views/app").url
        if asked.scheme in ("http", "https") and asked.host and (asked.port or 0) < 65536:
            return
    except httpx.InvalidURL:
        pass
    raise BadAddress(f"{url!r} is no address of a server: write https://host, or http://host:port.")


def _is_view(body: object) -> bool:
    return (
        isinstance(body, dict)
        and isinstance(body.get("epoch"), str)
        and isinstance(body.get("version"), int)
        and isinstance(body.get("data"), dict)
    )
