"""Git on a sandbox-agent server: the same command lines as here, sent to it."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from workflows.git import (
    DEADLINE,
    OUTPUT_BYTES,
    Finished,
    GitFailed,
    Lane,
    ceiling,
    environment_of_git,
    first_complaint,
    git_command,
)
from workflows.sandbox_agent_api import SandboxAgentApi

ARGUMENT_BYTES = 128 << 10
"""The kernel takes no longer argument, and the input travels in one."""

AT_ONCE = 4

# The server's answers are text: so the output travels in base64, and the exit code behind the complaints.
_SCRIPT = """printf %s "$1" | { shift; "$@"; printf '\\n%s' $? >&2; } | base64 | tr -d '\\n'"""


class SandboxAgentGit:
    """`home` is a private folder over there."""

    def __init__(self, api: SandboxAgentApi, *, home: Path) -> None:
        self._api = api
        self._env = environment_of_git(home)
        self._lanes: dict[Lane, asyncio.Semaphore] = {
            "disk": asyncio.Semaphore(AT_ONCE),
            "network": asyncio.Semaphore(AT_ONCE),
        }

    async def run(
        self,
        *args: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
        stdin: bytes = b"",
        accept: Sequence[int] = (0,),
        deadline: float = DEADLINE,
        lane: Lane = "disk",
        keep_open: Sequence[int] = (),
        into: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """As `Git.run`. What `keep_open` names is of this machine, so nothing over there holds it."""
        given = stdin.decode()
        assert len(stdin) < ARGUMENT_BYTES
        async with self._lanes[lane]:
            ran = await self._api.run(
                ["sh", "-c", _SCRIPT, "sh", given, *git_command(args, config)],
                cwd=str(folder),
                env={**self._env, **ceiling(folder), **(env or {})},
                deadline=deadline,
            )
        complaints, _, code = ran.stderr.rpartition("\n")
        if ran.timed_out or not code.isdigit():
            detail = f"git {args[0]} did not end within {deadline:g} seconds."
            raise GitFailed(detail, exit_code=None)
        try:
            output = base64.b64decode(ran.stdout, validate=True)
        except binascii.Error:
            output = b""
            ran_over = True
        else:
            ran_over = ran.stdout_truncated or (into is None and len(output) > OUTPUT_BYTES)
        if ran_over:
            raise GitFailed(f"git {args[0]} printed more than can be kept.", exit_code=None)
        if int(code) not in accept:
            complaint = first_complaint(complaints.encode())
            raise GitFailed(f"git {args[0]}: {complaint}", exit_code=int(code))
        if into is not None:
            into(output)
            output = b""
        return Finished(int(code), output)
