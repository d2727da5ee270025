"""A file of the page, plain and compressed, and which of the two a browser takes."""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_GZIP = re.compile(r"\s*(gzip|x-gzip|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    plain: bytes
    gzipped: bytes

    @classmethod
    def of(cls, plain: bytes) -> Self:
        return cls(plain, gzip.compress(plain, mtime=0))


def takes_gzip(accept_encoding: Iterable[str]) -> bool:
    """Whether the `Accept-Encoding` lines of a request take gzip (RFC 9110, 12.5.3); a request without any does not."""
    codings = (part for line in accept_encoding for part in line.split(","))
    weights = {
        found[1].lower().removeprefix("x-"): float(found[2] or 1)
        for coding in codings
        if (found := _GZIP.fullmatch(coding))
    }
    return weights.get("gzip", weights.get("*", 0)) > 0
