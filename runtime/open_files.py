"""How many files and sockets this process may hold: each stream is one, and the usual limit is made for small programs."""

import logging
import os
import resource
import sys

log = logging.getLogger(__name__)

SPARE = 512
"""Open files left for the log, the projections, logs, and requests that are no streams."""


def open_standard_streams() -> None:
    """Give a process that was started without some of them (`2>&-`) the null device there.

    Else the next file gets the number, and what is printed lands in it, or uvloop ends the process for closing it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            # As those of a shell are: processes that are started here have them too.
            os.set_inheritable(opened, True)
            setattr(sys, name, os.fdopen(opened, mode))


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return that. Programs we start have limits of their own."""
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
