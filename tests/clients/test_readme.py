"""The example in the client's README does what it says, as a program of its own."""

import asyncio
import os
import re
import sys

from tests.system.node_process import ROOT, NodeProcess

README = (ROOT / "clients" / "python" / "README.md").read_text()


async def test_the_example_runs_and_prints_what_happened(system: NodeProcess) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example is not None

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        example[1],
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
