"""The routes of the write side: one command, a batch of lines, signing in and out."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from commands.answers import Answer
from commands.bodies import (
    BATCH_LIMIT,
    BODY_LIMIT,
    batch_line_of,
    batch_lines,
    command_id_of,
    command_of,
    decoded,
    line_command_id,
)
from commands.command_route import CommandRoute
from commands.fields import Reference
from commands.handler import CommandHandler
from commands.request import new_command_id
from commands.sign_in import SignIn
from runtime.errors import FieldError, FoundryError, Invalid
from runtime.http import (
    Authenticator,
    JsonResponse,
    body_patience,
    check_media_type,
    read_body,
)
from runtime.identity import COOKIE, Caller
from runtime.lifecycle import Gate
from runtime.problems import TooLarge, problem_document
from runtime.request_head import Head
from runtime.shares import Shares

LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
BATCHES_AT_ONCE = 16
"""Each may hold `BATCH_LIMIT` bytes for as long as its lines take."""
SIGN_INS_AT_ONCE = 256
"""Whose they are is not known before: they must not take the places of those who are."""
SIGN_IN_LIMIT = 64 * 1024
"""Bytes of the body of one: a secret of 4,096 characters, none of which takes more than twelve."""


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of `token` and `code`."""

    token: str | None = None
    code: Reference | None = None


def routes(
    commands: CommandHandler, authenticator: Authenticator, sign_in: SignIn, gate: Gate
) -> list[Route]:
    """`POST /v1/commands/{name}`, `POST /v1/commands`, `POST /v1/login`, `POST /v1/logout`."""

    sign_ins = Gate("sign ins", capacity=SIGN_INS_AT_ONCE)
    patience = body_patience()

    async def login(request: Request) -> Response:
        # Also without a cookie: it would sign the browser of whoever looks at that page in as somebody else.
        authenticator.check_site(request)
        check_media_type(request, "application/json")
        # Before there is a place for it: strangers who send no more than its beginning would hold them all.
        body = await read_body(request.receive, SIGN_IN_LIMIT, patience)
        async with sign_ins.work("login"), gate.request("login", counted=False):
            given = decoded(body, Login)
            if given.token is not None and given.code is None:
                signed_in = await sign_in.by_token(given.token)
            elif given.code is not None and given.token is None:
                signed_in = await sign_in.by_code(given.code)
            else:
                raise Invalid("Send either a token or a code.")
            user = {"id": signed_in.user_id, "name": signed_in.name}
            response = JsonResponse({"user": user}, headers={"Cache-Control": "no-store"})
            response.set_cookie(
                COOKIE,
                signed_in.secret,
                max_age=signed_in.seconds,
                path="/",
                secure=request.url.scheme == "https",
                httponly=True,
                samesite="Lax",  # type: ignore[arg-type]  # as the standard and docs spell it
            )
            return response

    async def logout(request: Request) -> Response:
        async with gate.request("logout"):
            response = Response(status_code=204, headers={"Cache-Control": "no-store"})
            response.delete_cookie(COOKIE, path="/", httponly=True, samesite="Lax")  # type: ignore[arg-type]
            authenticator.check_origin(request)
            # The cookie's session, also where a token came along: it is the cookie that goes here.
            if secret := request.cookies.get(COOKIE):
                await sign_in.end(secret)
            return response

    return [
        CommandRoute(commands, authenticator, gate).route,
        Route("/v1/commands", _ManyCommands(commands, authenticator, gate), methods=["POST"]),
        Route("/v1/login", login, methods=["POST"]),
        Route("/v1/logout", logout, methods=["POST"]),
    ]


class _ManyCommands:
    """An application of its own, so that a batch keeps its place until its last line is answered."""

    def __init__(self, commands: CommandHandler, authenticator: Authenticator, gate: Gate) -> None:
        self._commands = commands
        self._authenticator = authenticator
        self._gate = gate
        self._batches = Gate("batches", capacity=BATCHES_AT_ONCE)
        self._patience = body_patience()
        self._shares = Shares("batches of one person", each=BATCHES_AT_ONCE // 2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        async with self._batches.work("batch"):
            async with self._gate.request("batch", counted=False):
                caller = await self._authenticator.caller(request)
            with self._shares.of(caller.user_id):
                async with self._gate.request("batch", counted=False):
                    check_media_type(request, *LINES)
                    if "if-match" in request.headers:
                        raise Invalid(
                            "If-Match is for one command; give each line's data an expected_version."
                        )
                    key = command_id_of(Head(scope).joined(b"idempotency-key")) or new_command_id()
                    body = await read_body(request.receive, BATCH_LIMIT, self._patience)
                    lines = batch_lines(body)
                answers = _answers(
                    self._commands, self._gate, caller, key, body, lines, request.url.path
                )
                await StreamingResponse(answers, media_type=LINES[0])(scope, receive, send)


async def _answers(
    commands: CommandHandler,
    gate: Gate,
    caller: Caller,
    key: str,
    body: bytes,
    lines: Sequence[tuple[int, slice]],
    path: str,
) -> AsyncIterator[bytes]:
    """One line each, in order, as soon as it is known: a later command may need an earlier one."""
    for number, place in lines:
        # A line that is refused at once waits for nothing, nor does sending its answer.
        await asyncio.sleep(0)
        answer: dict[str, object]
        try:
            async with gate.request("command", counted=False):
                answer = {
                    "status": 202,
                    **msgspec.to_builtins(await _line(commands, caller, key, number, body[place])),
                }
        except FoundryError as error:
            answer = problem_document(error, instance=path)
        yield msgspec.json.encode({"line": number, **answer}) + b"\n"


async def _line(
    commands: CommandHandler, caller: Caller, key: str, number: int, line: bytes
) -> Answer:
    if len(line) > BODY_LIMIT:
        raise TooLarge(f"A line may have {BODY_LIMIT} bytes; send less.")
    given = batch_line_of(line)
    command_id = line_command_id(given, key, number)
    try:
        command = command_of(given.name, bytes(given.data))
        return await commands.handle(caller, given.name, command, command_id=command_id)
    except FoundryError as error:
        # A field of `data` may have the name of one beside it.
        error.errors = tuple(
            FieldError(f"/data{place.pointer}", place.detail) for place in error.errors
        )
        if isinstance(error, Invalid):
            error.detail = f"In data: {error.detail}"
        raise
