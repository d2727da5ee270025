"""deploy/nginx.conf as a routing table: which service gets a request, and whether a second node may be asked."""

import re
from dataclasses import dataclass

from tests.deploy.compose_file import ROOT

NGINX = ROOT / "deploy" / "nginx.conf"

_LOCATION = re.compile(r"location (?P<exact>= )?(?P<path>/\S*) \{(?P<body>[^}]*)\}")
_UPSTREAM = re.compile(r"upstream (?P<name>\w+) \{(?P<body>[^}]*)\}")
_PASS = re.compile(r"proxy_pass http://(\w+);")
_SERVER = re.compile(r"server ([\w-]+):(\d+) ")


@dataclass(frozen=True)
class Route:
    """`again`: a request that a node did not answer is sent to another one, whatever its method."""

    path: str
    exact: bool
    upstream: str
    again: bool


def routes() -> list[Route]:
    """The locations that pass requests on, the ones that win first."""
    found = [
        Route(
            path=location["path"],
            exact=location["exact"] is not None,
            upstream=passed[1],
            again="non_idempotent" in location["body"],
        )
        for location in _LOCATION.finditer(NGINX.read_text())
        if (passed := _PASS.search(location["body"]))
    ]
    return sorted(found, key=lambda route: (not route.exact, -len(route.path)))


def route_of(path: str) -> Route:
    """Where a request for `path` goes, as nginx chooses: exact first, then the longest prefix."""
    return next(
        route
        for route in routes()
        if (path == route.path if route.exact else path.startswith(route.path))
    )


def upstreams() -> dict[str, set[str]]:
    """The services behind each upstream, as `name:port`."""
    return {
        upstream["name"]: {f"{name}:{port}" for name, port in _SERVER.findall(upstream["body"])}
        for upstream in _UPSTREAM.finditer(NGINX.read_text())
    }
