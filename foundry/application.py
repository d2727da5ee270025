"""The HTTP face of a node: the routes of its roles, one ASGI application."""

from collections.abc import Awaitable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from commands import http as command_routes
from commands.catalog import CATALOG
from commands.command_route import CommandRoute, is_command
from commands.login_codes import LoginCodes
from commands.sign_in import SignIn
from foundry import __version__, health, page, rebuild_route
from foundry.node import Node
from foundry.other_sites import for_other_sites
from foundry.write_side import now
from query_api import routes as query_routes
from query_api.view_route import is_view
from runtime.http import Authenticator
from runtime.problems import HANDLERS
from runtime.requests import Requests, refusals
from runtime.settings import Settings, environment
from runtime.shares import Shares


def application(settings: Settings, here: Node, codes: LoginCodes) -> ASGIApp:
    """Streams, commands and views go straight to what answers them, everything else through Starlette."""
    authenticator = Authenticator(
        here.write.access,
        allowed_origins=settings.origins,
        shares=Shares("requests of one person", each=settings.max_requests_per_person),
    )
    routes: list[Route] = health.routes(
        about=lambda: _about(here), reasons=here.reasons_not_ready, notices=here.notices
    )
    routes += query_routes.descriptions(CATALOG, version=__version__)
    pace = refusals()
    commands: ASGIApp | None = None
    if "commands" in here.roles:
        command_side = Requests(
            CommandRoute(here.write.commands, authenticator, here.command_gate), pace
        )
        commands = for_other_sites(command_side, settings.origins)
        sign_in = SignIn(here.write.access, here.write.reports, codes, now)
        routes += command_routes.routes(
            here.write.commands, authenticator, sign_in, here.command_gate
        )
    views: ASGIApp | None = None
    if here.models is not None:
        questions = query_routes.questions(
            here.models,
            here.log.store,
            here.write.access,
            authenticator,
            here.questions,
        )
        views = for_other_sites(Requests(questions.views, pace), settings.origins)
        routes += questions.routes
        routes += rebuild_route.routes(here.models, here.log, authenticator, here.questions)
        routes += page.routes()
    # Only a cookie depends on what a proxy in front says; uvicorn would have each command and stream look.
    proxy = Middleware(
        ProxyHeadersMiddleware,
        trusted_hosts=environment().get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
    )
    plain = Starlette(routes=routes, middleware=[proxy], exception_handlers=HANDLERS)
    # An address with a slash too many is another address, not a reason to send a command elsewhere.
    plain.router.redirect_slashes = False
    shared = for_other_sites(Requests(plain, pace), settings.origins)
    return _Application(shared, streams=here.gateway, commands=commands, views=views)


class _Application:
    def __init__(
        self,
        plain: ASGIApp,
        *,
        streams: ASGIApp | None,
        commands: ASGIApp | None,
        views: ASGIApp | None,
    ) -> None:
        self._plain = plain
        self._streams = streams
        self._commands = commands
        self._views = views

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each open stream would keep one more.
        if self._streams is not None and _is_stream(scope):
            return self._streams(scope, receive, send)
        if self._commands is not None and is_command(scope):
            return self._commands(scope, receive, send)
        if self._views is not None and is_view(scope):
            return self._views(scope, receive, send)
        return self._plain(scope, receive, send)


def _is_stream(scope: Scope) -> bool:
    path: str = scope.get("path", "")
    return path == "/v1/stream" or path.startswith("/v1/stream/")


def _about(here: Node) -> dict[str, object]:
    return {
        "version": __version__,
        "node": here.name,
        "roles": sorted(here.roles),
        "durability": here.log.durability,
        "nats_server": here.log.connection.server_version,
        "connected": here.log.connection.connected,
        "position": here.feed.position,
        "lag_ms": here.liveness.lag_ms(),
    }
