"""The example in the client's README does what it says, as a program of its own."""

import asyncio
import os
import re
import sys
from pathlib import Path

import mypy.api

from tests.system.node_process import ROOT, NodeProcess

README = (ROOT / "clients" / "python" / "README.md").read_text()


def _example() -> str:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example is not None
    return example[1]


def test_the_example_holds_in_a_strictly_typed_program(tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(_example())

    said, complained, status = mypy.api.run(["--strict", str(program)])

    assert (said, complained, status) == ("Success: no issues found in 1 source file\n", "", 0)


async def test_the_example_runs_and_prints_what_happened(system: NodeProcess) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        _example(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "clients" / "python"),
            "URL": system.address,
            "TOKEN": system.token,
        },
    )
    try:
        said, complained = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert said.decode().splitlines() == [
        "bootstrap None New",
        "event organization_updated Renamed",
    ]
    assert complained == b""
    assert process.returncode == 0
