"""The providers of sandboxes of this host: its own disk and, if FOUNDRY_SANDBOX_AGENT_URL is set, a sandbox-agent server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.settings import Settings, environment, readable_file
from workflows.agent_launcher import AgentLauncher, CommandLauncher
from workflows.agents import known_agents
from workflows.branches import Branches
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.processes import Limits, Processes
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.sandbox import SandboxProvider
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_branches import SandboxAgentBranches
from workflows.sandbox_agent_launcher import SandboxAgentLauncher


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """`providers`, `launchers` and `branches` are by the provider's name; that of this disk is there always."""

    repositories: Repositories
    remotes: Remotes
    providers: Mapping[str, SandboxProvider]
    launchers: Mapping[str, AgentLauncher]
    branches: Mapping[str, Branches]


@asynccontextmanager
async def hosting(settings: Settings, host: str) -> AsyncIterator[Hosting]:
    """The providers, after an end of what an earlier life of this data folder left running."""
    data = settings.data_folder
    memory = settings.sandbox_memory_mb
    limits = Limits(
        open_files=settings.sandbox_open_files,
        processes=settings.sandbox_processes,
        memory=memory << 20 if memory is not None else None,
    )
    processes = Processes(owner=str(data), environ=environment(), limits=limits)
    await processes.end_leftovers()
    async with AsyncExitStack() as parts:
        parts.push_async_callback(processes.close)
        git = Git(
            home=data / "git_home",
            path=environment().get("PATH", ""),
            ssh_key=readable_file("git_ssh_key", settings.git_ssh_key),
            mark=processes.mark("git"),
        )
        repositories = Repositories(git, data / "repositories", local_root=settings.local_root)
        local = LocalSandboxes(data=data, git=git, repositories=repositories, processes=processes)
        known = known_agents(settings.agents)
        providers: dict[str, SandboxProvider] = {local.name: local}
        launchers: dict[str, AgentLauncher] = {
            local.name: CommandLauncher(local, known, environment())
        }
        branches = {local.name: Branches(repositories, local)}
        if settings.sandbox_agent_url is not None:
            api = await parts.enter_async_context(
                SandboxAgentApi(settings.sandbox_agent_url, settings.sandbox_agent_token)
            )
            folder = Path(settings.sandbox_agent_folder) / host
            remote = SandboxAgentSandboxes(api, folder=folder, local_root=settings.local_root)
            providers[remote.name] = remote
            launchers[remote.name] = SandboxAgentLauncher(api, remote, known, folder=folder)
            branches[remote.name] = SandboxAgentBranches(repositories, remote, api)
        yield Hosting(
            repositories=repositories,
            remotes=Remotes(git, repositories),
            providers=providers,
            launchers=launchers,
            branches=branches,
        )
