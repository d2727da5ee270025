"""The page at `/`: plain files of `web/` on the client of `clients/js`, from this address only, under a policy that runs no inline script."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foundry.page_content import Content, takes_gzip
from query_api.etag import still_held
from runtime.errors import NotFound

ROOT = Path(__file__).parent.parent
PAGE = "web"
CLIENT = "clients/js"
INDEX = f"{PAGE}/index.html"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
ASKED_AGAIN = "no-cache"
# Ninety files asked for again took a reload 4.6 s at a round trip of 200 ms, six connections side by side.
KEPT = "max-age=31536000, immutable"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


Stamps = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Files:
    """What the page is made of at one moment, by paths as in the repository; `version` is another if any byte is."""

    stamps: Stamps
    contents: dict[str, Content]
    version: str


def routes() -> list[Route]:
    """Paths of requests are looked up among what was read, and never reach the disk."""
    files = _read(_stamps())

    def index(request: Request) -> Response:
        # Whoever changes the page sees it with the next reload.
        nonlocal files
        stamps = _stamps()
        if stamps != files.stamps:
            files = _read(stamps)
        return _answer(request, files, INDEX, cached=ASKED_AGAIN)

    async def page_file(request: Request) -> Response:
        return _answer(request, files, f"{PAGE}/{request.path_params['name']}", cached=ASKED_AGAIN)

    async def client_file(request: Request) -> Response:
        return _answer(
            request, files, f"{CLIENT}/{request.path_params['name']}", cached=ASKED_AGAIN
        )

    async def file_of_version(request: Request) -> Response:
        # A page of another version (of another node, or of before a change) gets what there is, and does not keep it.
        current = request.path_params["version"] == files.version
        return _answer(
            request, files, request.path_params["path"], cached=KEPT if current else ASKED_AGAIN
        )

    return [
        Route("/", index),
        Route("/web/{name}", page_file),
        Route("/client/{name}", client_file),
        Route("/page/{version}/{path:path}", file_of_version),
    ]


def _stamps() -> Stamps:
    """The page's files with what tells that one is another than before: when it was written, and its size."""
    found = {
        f"{folder}/{path.name}": path.stat()
        for folder, suffixes in ((PAGE, TYPES), (CLIENT, {".js"}))
        for path in sorted((ROOT / folder).iterdir())
        if path.suffix in suffixes
    }
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


def _read(stamps: Stamps) -> Files:
    plain = {path: (ROOT / path).read_bytes() for path in stamps}
    digest = blake2b(digest_size=8)
    for path, content in plain.items():
        digest.update(f"{path} {len(content)}\n".encode() + content)
    version = digest.hexdigest()
    # All that follows is under this version too, because modules import each other by relative paths.
    plain[INDEX] = plain[INDEX].replace(b'"/web/', f'"/page/{version}/web/'.encode())
    contents = {path: Content.of(content) for path, content in plain.items()}
    return Files(stamps, contents, version)


def _answer(request: Request, files: Files, path: str, *, cached: str) -> Response:
    if path not in files.contents:
        raise NotFound("The page has no such file.")
    content = files.contents[path]
    zipped = takes_gzip(request.headers.getlist("accept-encoding"))
    # Other bytes, so another tag.
    tag = f'"{files.version}-gzip"' if zipped else f'"{files.version}"'
    headers = {**HEADERS, "Cache-Control": cached, "ETag": tag}
    if still_held(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = content.gzipped if zipped else content.plain
    return Response(body, media_type=TYPES[Path(path).suffix], headers=headers)
