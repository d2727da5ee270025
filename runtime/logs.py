"""Logs: one JSON object a line on standard error. Messages are constant sentences, data are fields."""

import logging
import re
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

import msgspec

_NOTHING: Mapping[str, object] = {}
# Never changed, only replaced: tasks that were started inside go on with what they got.
_fields: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default=_NOTHING)
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_SECRET = re.compile(r"\b(fd[ys])_[a-z0-9_]*[0-9a-f]{48}")
"""A token or app session that somebody put into an address: the log is read by others than its owner."""
_SECRET_BEGINS = ("fdy_", "fds_")


class log_fields(AbstractContextManager[None]):
    """Every log line inside, also of tasks started inside, carries these fields."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields
        self._token: Token[Mapping[str, object]] | None = None

    def __enter__(self) -> None:
        self._token = _fields.set({**_fields.get(), **self._fields})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._token is not None
        _fields.reset(self._token)


def current_field(name: str) -> object | None:
    """The value of a field set by an enclosing `log_fields`, for handing it on (`correlation_id`)."""
    return _fields.get().get(name)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": round(record.created * 1000),
            "time": time.strftime("%H:%M:%S", time.localtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", _NOTHING),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD and name != "context":
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        text = _encoded(line)
        if any(begin in text for begin in _SECRET_BEGINS):
            return _SECRET.sub(r"\1_…", text)
        return text


def _encoded(line: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=str).decode()
    except UnicodeEncodeError:
        # Half a character of somebody's; the line is worth more than that.
        plain = {name: str(value).encode(errors="replace").decode() for name, value in line.items()}
        return msgspec.json.encode(plain).decode()


def _remember_context(record: logging.LogRecord) -> bool:
    # Taken when the line is logged: a handler may run later, in another context.
    record.context = _fields.get()
    return True


def configure(level: str) -> None:
    """Send everything at `level` and above to standard error as JSON lines. Called once by the composition root."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    handler.addFilter(_remember_context)
    # Who logged from which line of which thread is not in a line, and half of what it would cost.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "uvicorn.error", "asyncio", "nats"):
        logging.getLogger(noisy).setLevel(max(logging.root.level, logging.WARNING))
