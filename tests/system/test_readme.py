"""The README's tour, word for word: every shell block in order, in one shell, against a running node."""

import asyncio
import re
import sys
from pathlib import Path

from tests.system.conftest import StartNode
from tests.system.node_process import NodeProcess

PROJECT = Path(__file__).parents[2]
PATIENCE = 90.0


def shell_blocks() -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL))


async def run_tour(node: NodeProcess) -> tuple[int, str]:
    # Only the two things that are this test's own differ: where the node listens, where the CLI is.
    script = shell_blocks().replace("http://127.0.0.1:7741", node.address)
    script = script.replace(".venv/bin/foundry", f"{sys.executable} -m foundry")
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=PROJECT,
        env=node.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await shell.communicate()
    assert shell.returncode is not None
    return shell.returncode, output.decode()


async def test_the_tour_of_the_readme_works_word_for_word(start_node: StartNode) -> None:
    node = start_node()

    status, output = await run_tour(node)

    assert status == 0, output
    assert "event: ready" in output
    assert "+hello" in output
    assert '"task_archive_requested"' in output


def test_the_tour_has_not_been_emptied() -> None:
    assert shell_blocks().count("run ") >= 5
