"""What a server refuses, as RFC 9457 has it; and what of an answer every request needs."""

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
from msgspec import Struct

MAX_DETAIL = 500

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes of somebody else; the last for a hundred thousand brackets."""


class Problem(Exception):
    """A request was refused. `status` is 0 when nobody answered within the time there was.

    `code` is one of docs/protocol.md; with a `status` of 0 `unreachable`, `unreadable` or `closed`.

    `key` is that of a command whose outcome may be unknown: sent again with it, it happens once.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        errors: tuple[dict[str, Any], ...] = (),
        *,
        key: str | None = None,
    ) -> None:
        # What it is made of, so that it can be copied and sent to another process.
        super().__init__(status, code, detail, errors)
        self.key = key
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors

    def __str__(self) -> str:
        said = f"{self.status} {self.code}"
        return f"{said}: {self.detail}" if self.detail else said


class _Document(Struct):
    code: str = ""
    detail: str = ""
    errors: tuple[dict[str, Any], ...] = ()


def problem_of(status: int, body: bytes) -> Problem:
    """The problem in an answer. What is no problem document (a proxy's page) is told by its status alone."""
    try:
        document = msgspec.json.decode(body, type=_Document)
    except NOT_JSON:
        document = _Document()
    code = document.code or f"http_{status}"
    return Problem(status, code, document.detail[:MAX_DETAIL], document.errors)


def retry_after_ms(response: httpx.Response) -> int:
    """What `Retry-After` asks for, in seconds or as a date; 0 without one."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return int(text) * 1000
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0
    return max(0, round(wait * 1000))
