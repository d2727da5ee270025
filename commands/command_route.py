"""`POST /v1/commands/{name}` as raw ASGI: every command passes here, and Starlette's layers cost as much as deciding does."""

import msgspec
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from commands.answers import Answer
from commands.bodies import BODY_LIMIT, command_id_of, command_of
from commands.handler import CommandHandler
from runtime.http import Authenticator, body_patience, check_media_type, read_body
from runtime.lifecycle import Gate
from runtime.problems import answer_to
from runtime.request_head import Head

COMMANDS = "/v1/commands/"


def is_command(scope: Scope) -> bool:
    """Whether a request may go to `CommandRoute` without a look at any other route."""
    path: str = scope["path"]
    rest = path.removeprefix(COMMANDS)
    return rest != path and "/" not in rest and bool(scope["method"] == "POST")


class CommandRoute:
    """Every error becomes its problem document here: nobody around has to look for one."""

    def __init__(self, commands: CommandHandler, authenticator: Authenticator, gate: Gate) -> None:
        self._commands = commands
        self._authenticator = authenticator
        self._gate = gate
        self._patience = body_patience()
        self.route = Route("/v1/commands/{name}", self, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        scope["route"] = self.route
        try:
            answer = await self._answer(path.removeprefix(COMMANDS), Head(scope), receive)
        except Exception as error:
            await answer_to(error, scope)(scope, receive, send)
        else:
            body = msgspec.json.encode(answer)
            head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 202, "headers": head})
            await send({"type": "http.response.body", "body": body})

    async def _answer(self, name: str, head: Head, receive: Receive) -> Answer:
        async with self._gate.request("command"):
            caller = await self._authenticator.caller(head)
            check_media_type(head, "application/json")
            body = await read_body(receive, BODY_LIMIT, self._patience)
            return await self._commands.handle(
                caller,
                name,
                command_of(name, body),
                command_id=command_id_of(head.joined(b"idempotency-key")),
                if_match=head.joined(b"if-match"),
            )
