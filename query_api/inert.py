"""Content that comes from repositories and agents: a browser may show it, never run it or guess what it is."""

from urllib.parse import quote

INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def media_type_of(content: bytes) -> str:
    """`text/plain` for UTF-8 text, else `application/octet-stream`: nothing finer is guessed from name or content."""
    return "text/plain; charset=utf-8" if _is_text(content) else "application/octet-stream"


def disposition(path: str, content: bytes) -> str:
    """A `Content-Disposition` for the last part of a path (RFC 6266): mere bytes are saved, not shown."""
    kind = "inline" if _is_text(content) else "attachment"
    name = quote(path.rpartition("/")[2].encode("utf-8", "replace"), safe="")
    return f"{kind}; filename*=UTF-8''{name}"


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
