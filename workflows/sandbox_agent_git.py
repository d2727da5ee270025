"""Git on a sandbox-agent server: the same command lines as here, sent to it."""

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from workflows.bare_command import bare_command
from workflows.git import DEADLINE, OUTPUT_BYTES, Finished, GitFailed
from workflows.git_command import ceiling, environment_of_git, git_command
from workflows.git_complaints import first_complaint
from workflows.git_lanes import DISK, Lane, Lanes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_processes import SandboxAgentProcesses

ARGUMENT_BYTES = 128 << 10
"""The kernel takes no longer argument, and the input travels in one."""

AT_ONCE = 4

# The server's answers are text and not long: so output travels in base64 if it is short, else as a
# file, and the exit code and the length behind the complaints.
_SCRIPT = """
file=$1 most=$2 input=$3
shift 3
mkdir -p "${file%/*}"
printf %s "$input" | "$@" >"$file"
code=$?
length=$(wc -c <"$file")
if [ "$length" -le "$most" ]; then
    base64 <"$file" | tr -d '\\n'
    rm -f "$file"
fi
printf '\\n%d %d' $code $length >&2
"""
SHORT_BYTES = 512 << 10


class SandboxAgentGit:
    """`home` and `scratch` are private folders on the server's machine."""

    def __init__(
        self,
        api: SandboxAgentApi,
        processes: SandboxAgentProcesses,
        *,
        home: Path,
        scratch: Path,
    ) -> None:
        self._api = api
        self._processes = processes
        self._scratch = scratch
        self._env = {**environment_of_git(home), **processes.mark("git")}
        self._lanes = Lanes(AT_ONCE)

    async def run(
        self,
        *args: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
        stdin: bytes = b"",
        accept: Sequence[int] = (0,),
        deadline: float = DEADLINE,
        lane: Lane = DISK,
        keep_open: Sequence[int] = (),
        into: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """As `Git.run`. The descriptors of `keep_open` are of this machine, so nothing on the server's holds them."""
        assert len(stdin) < ARGUMENT_BYTES
        # It has the mark too, so it would be ended with them.
        await self._processes.end_leftovers()
        file = str(self._scratch / uuid.uuid4().hex)
        script = ["sh", "-c", _SCRIPT, "sh", file, str(SHORT_BYTES), stdin.decode()]
        async with self._lanes.place_in(lane):
            ran = await self._api.run(
                bare_command(
                    [*script, *git_command(args, config)],
                    env={**self._env, **ceiling(folder), **(env or {})},
                ),
                cwd=str(folder),
                deadline=deadline,
            )
            complaints, _, end = ran.stderr.rpartition("\n")
            code, _, length = end.partition(" ")
            if ran.timed_out or not (code.isdigit() and length.isdigit()):
                detail = f"git {args[0]} did not end within {deadline:g} seconds."
                raise GitFailed(detail, exit_code=None)
            output = bytearray(base64.b64decode(ran.stdout))
            if int(length) > SHORT_BYTES:
                if into is None and int(length) > OUTPUT_BYTES:
                    raise GitFailed(f"git {args[0]} printed more than can be kept.", exit_code=None)
                await self._api.download(file, into or output.extend, at_most=int(length))
                await self._api.shell('rm -f "$1"', file)
            elif into is not None:
                into(bytes(output))
                output.clear()
        if int(code) not in accept:
            complaint = first_complaint(complaints.encode())
            raise GitFailed(f"git {args[0]}: {complaint}", exit_code=int(code))
        return Finished(int(code), bytes(output))
