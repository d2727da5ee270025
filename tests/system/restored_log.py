"""A nats-server whose store can be put back to what it was: the end of its log is then gone."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.nats_process import NatsServer, nats_server_in


class RestoredLog:
    """The server keeps its address, so that whoever was connected comes back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = folder / "jetstream"
        self._kept = folder.with_name(f"{folder.name}-kept")
        self._running = ExitStack()
        self.server: NatsServer | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url_with_password

    def start(self) -> None:
        port = self.server.port if self.server is not None else -1
        self.server = self._running.enter_context(nats_server_in(self._folder, port=port))

    def stop(self) -> None:
        self._running.close()

    def keep(self) -> None:
        """Remember the log as it is now."""
        self.stop()
        shutil.copytree(self._store, self._kept)
        self.start()

    def restore(self) -> None:
        """Put the log back to what was kept; the server stands still afterwards."""
        self.stop()
        shutil.rmtree(self._store)
        shutil.copytree(self._kept, self._store)
