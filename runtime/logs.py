"""Logs: one JSON object a line on standard error. Messages are constant sentences, data are fields."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_fields: ContextVar[MappingProxyType[str, object]] = ContextVar(
    "log_fields", default=MappingProxyType({})
)
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_SECRET = re.compile(r"\b(fd[ys])_[a-z0-9_]*[0-9a-f]{48}")
"""A token or app session that somebody put into an address: the log is read by others than its owner."""


@contextmanager
def log_fields(**fields: object) -> Iterator[None]:
    """Every log line inside, also of tasks started inside, carries these fields."""
    token = _fields.set(MappingProxyType({**_fields.get(), **fields}))
    try:
        yield
    finally:
        _fields.reset(token)


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
            **getattr(record, "context", {}),
        }
        line.update(
            (k, v) for k, v in record.__dict__.items() if k not in _STANDARD and k != "context"
        )
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _SECRET.sub(r"\1_…", json.dumps(line, default=str, ensure_ascii=False))


def _remember_context(record: logging.LogRecord) -> bool:
    # Taken when the line is logged: a handler may run later, in another context.
    record.context = dict(_fields.get())
    return True


def configure(level: str) -> None:
    """Send everything at `level` and above to standard error as JSON lines. Called once by the composition root."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    handler.addFilter(_remember_context)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "uvicorn.error", "asyncio", "nats"):
        logging.getLogger(noisy).setLevel(max(logging.root.level, logging.WARNING))
