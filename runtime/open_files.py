"""How many files and sockets this process may hold: each stream is one, and the usual limit is made for small programs."""

import logging
import resource

log = logging.getLogger(__name__)

SPARE = 512
"""For the log, the projections, logs, and requests that are no streams."""


def raise_limit() -> int:
    """As many as the system allows without asking anybody; the number. Programs we start have limits of their own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**31


def streams_within(wanted: int, files: int) -> int:
    """How many streams to admit: more than there can be sockets for would fail without a word."""
    possible = max(files - SPARE, 1)
    if wanted > possible:
        log.info(
            "fewer streams are admitted than FOUNDRY_MAX_STREAMS says: the limit of open files is low",
            extra={"open_files": files, "streams": possible},
        )
    return min(wanted, possible)
