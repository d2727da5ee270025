"""The page at `/`: plain files of `web/` on the client of `clients/js`, from this address only, under a policy that runs no inline script."""

from collections.abc import Collection
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from query_api.conditional import not_modified
from query_api.etag import content_etag
from runtime.errors import NotFound

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "web"
CLIENT = ROOT / "clients" / "js"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def routes() -> list[Route]:
    """Made from the files that are there at the start: no path of a request ever reaches the disk."""
    page = _files(PAGE, TYPES)
    client = _files(CLIENT, {".js"})

    async def index(request: Request) -> Response:
        return _answer(request, page["index.html"])

    async def page_file(request: Request) -> Response:
        return _answer(request, _named(request, page))

    async def client_file(request: Request) -> Response:
        return _answer(request, _named(request, client))

    return [
        Route("/", index),
        Route("/web/{name}", page_file),
        Route("/client/{name}", client_file),
    ]


def _files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix in suffixes}


def _named(request: Request, files: dict[str, Path]) -> Path:
    found = files.get(request.path_params["name"])
    if found is None:
        raise NotFound("The page has no such file.")
    return found


def _answer(request: Request, path: Path) -> Response:
    """The file, or 304 for a browser that holds it. By its bytes: an image's files can all have one date."""
    content = path.read_bytes()
    tag = content_etag(content)
    answer = Response(content, media_type=TYPES[path.suffix], headers={"ETag": tag, **HEADERS})
    return not_modified(request, tag, HEADERS) or answer
