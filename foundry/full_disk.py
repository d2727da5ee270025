"""What a full disk leaves behind: the embedded nats-server goes on refusing commits when there is room again.

After one failed write it keeps that block of its store closed until it is started anew, and does
not say so to whoever publishes (seen with 2.15.1). An outside server is its operator's to start.
"""

import logging
import shutil
from pathlib import Path
from time import monotonic

from runtime.embedded_server import EmbeddedServer

log = logging.getLogger(__name__)

ROOM_BYTES = 16 * 1024 * 1024
"""With less the next start would end as this one did."""

BETWEEN_SECONDS = 30.0


class Remedy:
    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._applied = float("-inf")

    def apply(self) -> None:
        """Start the server anew, unless there is no room or it has just been tried."""
        free = shutil.disk_usage(self._folder).free
        if free < ROOM_BYTES:
            log.error("the disk of the log is full, commands wait for room", extra={"free": free})
        elif monotonic() - self._applied > BETWEEN_SECONDS:
            self._applied = monotonic()
            log.error("the embedded nats-server stores nothing, starting it anew")
            self._server.start_anew()
