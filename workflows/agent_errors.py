"""What can go wrong with an agent, in sentences that people read."""

NO_KEY = (
    "It may want a key: an agent sees only those variables of the worker's environment that are passed on to it, "
    "see FOUNDRY_AGENTS."
)


class AgentDied(Exception):
    """The process ended, or was ended, while something was expected of it."""

    def __init__(self, exit_code: int | None, stderr: str) -> None:
        last_words = stderr.strip().rpartition("\n")[2][:300]
        said = f": {last_words}" if last_words else ""
        how = "without an exit code" if exit_code is None else f"with exit code {exit_code}"
        super().__init__(f"The agent ended {how}{said}.")
        self.exit_code = exit_code
        self.stderr = stderr


class AgentFailed(Exception):
    """The agent runs but does not do what it was asked for; the text says why."""


class NotTakenUp(AgentFailed):
    """The agent ended, or said nothing any more, while it was to take a conversation up."""


class LoginWanted(AgentFailed):
    """The agent has to be logged in first; what it said becomes a sentence with a way out."""

    def __init__(self, said: str) -> None:
        super().__init__(f"{said.removesuffix('.')}. {NO_KEY}")
