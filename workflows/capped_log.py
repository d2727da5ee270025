"""A log file of bounded size for what an agent prints on its standard error."""

from pathlib import Path

LOG_BYTES = 1 << 20


class CappedLog:
    """Appends up to `LOG_BYTES`; a full file becomes `<name>.1`, in place of the one before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, chunk: bytes) -> None:
        if self._size >= LOG_BYTES:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._path.open("wb", buffering=0)
            self._size = 0
        self._file.write(chunk)
        self._size += len(chunk)

    def close(self) -> None:
        self._file.close()
