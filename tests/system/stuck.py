"""Programs that get stuck or fail on request: a `git` for the worker's PATH and an agent, told by files in a folder."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

SCRIPTED_AGENT = Path(__file__).parent.parent / "workflows" / "scripted_agent.py"

# Each line in the file of a word is for one command with that word: it takes the line, and obeys. (No
# word and `.` would name the folder.)
_OBEY = """
  if [ -f "{folder}/stick/$word" ] && [ -s "{folder}/stick/$word" ]; then
    sed -i 1d "{folder}/stick/$word"
    echo $$ > "{folder}/stuck"
    exec sleep 1000
  fi
  if [ -f "{folder}/fail/$word" ] && [ -s "{folder}/fail/$word" ]; then
    sed -i 1d "{folder}/fail/$word"
    echo "fatal: no licence" >&2
    exit 4
  fi
"""
_GIT = f"""#!/bin/sh
for word; do
{_OBEY}
done
exec {{git}} "$@"
"""
_AGENT = f"""#!/bin/sh
word=agent
{_OBEY}
exec {{python}} {{agent}}
"""


class Stuck:
    """`settings` make a node use them; `agent` is the agent's name."""

    agent = "moody"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("bin", "stick", "fail"):
            (folder / name).mkdir(parents=True)
        os.mkfifo(folder / "stuck")
        self._write("bin/git", _GIT, git=shutil.which("git"))
        self._write("agent.sh", _AGENT, python=sys.executable, agent=SCRIPTED_AGENT)
        # Held open for both, so that neither the programs nor the test wait for the other to open it.
        self._pipe = os.open(folder / "stuck", os.O_RDWR | os.O_NONBLOCK)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "FOUNDRY_AGENTS": json.dumps({self.agent: [str(self._folder / "agent.sh")]}),
        }

    def stick(self, word: str, times: int = 1) -> None:
        """The next git commands with this word, or the next starts of the `agent`, get stuck."""
        (self._folder / "stick" / word).write_text("stuck\n" * times)

    def fail(self, word: str, times: int) -> None:
        """The next git commands with this word, or the next starts of the `agent`, fail."""
        (self._folder / "fail" / word).write_text("failed\n" * times)

    async def is_stuck(self, within: float = 30) -> int:
        """Wait until something is; its process id."""
        loop = asyncio.get_running_loop()
        said = loop.create_future()

        def readable() -> None:
            if not said.done():
                said.set_result(None)

        loop.add_reader(self._pipe, readable)
        try:
            async with asyncio.timeout(within):
                await said
        finally:
            loop.remove_reader(self._pipe)
        return int(os.read(self._pipe, 100))

    def close(self) -> None:
        os.close(self._pipe)

    def _write(self, name: str, text: str, **words: object) -> None:
        path = self._folder / name
        path.write_text(text.format(folder=self._folder, **words))
        path.chmod(0o755)
