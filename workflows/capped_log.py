"""A log file of bounded size for what an agent prints on its standard error."""

import logging
from contextlib import suppress
from io import FileIO
from pathlib import Path

LOG_BYTES = 1 << 20

log = logging.getLogger(__name__)


class CappedLog:
    """Appends up to `LOG_BYTES`; a full file becomes `<name>.1`, in place of the one before.

    What a full disk does not take is lost: an agent is not to stand still, or to end, because of its log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._size = 0
        self._failing = False

    def write(self, chunk: bytes) -> None:
        try:
            self._append(chunk)
        except OSError as error:
            if not self._failing:
                log.warning(
                    "agent's log cannot be written",
                    extra={"path": str(self._path), "reason": str(error)},
                )
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _append(self, chunk: bytes) -> None:
        if self._size >= LOG_BYTES:
            self.close()
            # It may have been tidied away.
            with suppress(FileNotFoundError):
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file, self._size = None, 0
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
            self._size = self._file.tell()
        self._file.write(chunk)
        self._size += len(chunk)
