"""The routes of the write side, asked without a socket."""

import httpx
from starlette.applications import Starlette

from commands.http import routes
from commands.login_codes import LoginCodes
from commands.sign_in import SignIn
from runtime.http import Authenticator
from runtime.lifecycle import Gate
from runtime.problems import HANDLERS
from tests.commands.node import OWNER_TOKEN, Node

NAME = {"name": "Acme"}
CREATE = "/v1/commands/organization.create"
JSON = {"content-type": "application/json"}


class Edge:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.gate = Gate("commands")
        self.codes = LoginCodes(node.now)
        sign_in = SignIn(node.access, node.reports, self.codes, node.now)
        app = Starlette(
            routes=routes(node.commands, Authenticator(node.access), sign_in, self.gate),
            exception_handlers=HANDLERS,
        )
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def client(self, token: str | None = OWNER_TOKEN) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=self.transport, base_url="http://foundry", headers=headers
        )


def check_problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    assert isinstance(problem["errors"], list)
    return problem
