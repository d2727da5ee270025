"""The page at `/`: plain files of `web/`, from this address only, under a policy that runs no inline script."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from runtime.errors import NotFound

FOLDER = Path(__file__).parent.parent / "web"
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
    files = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}

    async def index(request: Request) -> Response:
        return _file(files["index.html"])

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        if found is None:
            raise NotFound("The page has no such file.")
        return _file(found)

    return [Route("/", index), Route("/web/{name}", file)]


def _file(path: Path) -> Response:
    return FileResponse(path, media_type=TYPES[path.suffix], headers=HEADERS)
