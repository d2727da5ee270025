"""The branches of sandboxes on a sandbox-agent server: pushed and merged from here, so that no key goes there."""

import re
import uuid

from events.ids import RepositoryId
from workflows.branches import Branches
from workflows.repositories import Repositories
from workflows.repository import ORIGIN, Repository
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi, SandboxAgentUnavailable

BUNDLE_BYTES = 1 << 30
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class SandboxAgentBranches(Branches):
    """Brings the commits of a branch into this host's repository, as a bundle through the server's file API."""

    def __init__(
        self, repositories: Repositories, sandboxes: SandboxAgentSandboxes, api: SandboxAgentApi
    ) -> None:
        super().__init__(repositories, sandboxes)
        self._scratch = sandboxes.scratch
        self._api = api

    async def _tip(
        self, repository: Repository, repository_id: RepositoryId, branch: str, base: str
    ) -> str | None:
        async with self._sandboxes.repositories.alone(repository_id) as there:
            tip = (await there.tips(f"refs/heads/{branch}")).get("")
            if tip is not None and not _HASH.fullmatch(tip):
                raise SandboxAgentUnavailable(f"The server says that {branch} is at no commit.")
            if tip is None or await repository.has(tip):
                return tip
            common = await _common(repository, there, branch, base)
            far = self._scratch / uuid.uuid4().hex
            await self._api.shell('mkdir -p "$1"', str(self._scratch))
            near = repository.path.with_name(f"{repository.path.name}.bundle")
            try:
                await there.bundle(branch, into=far, without=common)
                with near.open("wb") as file:
                    await self._api.download(str(far), file.write, at_most=BUNDLE_BYTES)
                return await repository.unbundle(branch, near)
            finally:
                near.unlink(missing_ok=True)
                await self._api.shell('rm -f "$1"', str(far))


async def _common(here: Repository, there: Repository, branch: str, base: str) -> list[str]:
    """A few commits both have, the newer the better: what is before them is not sent."""
    known = await there.tips(ORIGIN)
    newest = list(known.values())[:10]
    candidates = dict.fromkeys([base, *newest, *filter(None, [known.get(branch)])])
    return [
        commit for commit in candidates if await here.reaches(commit) and await there.has(commit)
    ]
