"""The pipes of a process on the event loop that `foundry serve` runs on."""

import asyncio
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from subprocess import Popen
from typing import IO, Any, cast

import pytest
import uvloop

from workflows import piped_process
from workflows.piped_process import PipedProcess


class Interrupted(FileIO):
    """A pipe that other files are opened beside, just when it is to be closed."""

    def __init__(self, pipe: IO[bytes], mode: str, opened: list[int]) -> None:
        super().__init__(os.dup(pipe.fileno()), mode)
        pipe.close()
        self._opened = opened

    def close(self) -> None:
        if not self.closed:
            self._opened += [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
        super().close()


async def run_to_its_end(folder: Path) -> bytes:
    process = PipedProcess(["cat"], cwd=folder, env={})
    await process.connect()
    process.stdin.write(b"what it is told")
    process.stdin.close()
    said = await process.stdout.read()
    await process.wait()
    process.close()
    return said


def test_closing_its_pipes_closes_nothing_that_is_opened_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[int] = []

    def begun(command: Sequence[str], **options: Any) -> "Popen[bytes]":
        process = Popen(command, **options)
        for name, mode in {"stdin": "wb", "stdout": "rb", "stderr": "rb"}.items():
            setattr(process, name, Interrupted(getattr(process, name), mode, opened))
        return cast("Popen[bytes]", process)

    monkeypatch.setattr(piped_process, "Popen", begun)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run_to_its_end(tmp_path)) == b"what it is told"

    assert len(opened) == 60
    for descriptor in opened:
        # Raises when somebody else has closed it.
        os.close(descriptor)
