"""Which agent works where nobody was named, and which ones there are."""

from commands.context import Context
from commands.organization_state import Organization
from commands.refusals import unknown

SHELL = "shell"
"""The agent that is built in."""


def check_agent(pointer: str, agent: str | None, context: Context) -> None:
    """Raises `Rejected` (`unknown_agent`) for an agent that was not declared to this installation."""
    if agent is not None and agent not in context.known_agents:
        known = ", ".join(sorted(context.known_agents))
        raise unknown(
            pointer, f"There is no agent {agent!r} here; there are: {known}.", code="unknown_agent"
        )


def default_agent(organization: Organization | None) -> str:
    """The agent that works where none was named: the organization's default, else the built-in one."""
    return organization.default_agent or SHELL if organization is not None else SHELL


def default_model(organization: Organization | None, agent: str) -> str | None:
    """The organization's default model, for its default agent alone: a model belongs to the agent it was chosen with."""
    if organization is None or agent != default_agent(organization):
        return None
    return organization.default_model
