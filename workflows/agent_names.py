"""What agents call the sessions they have here: with that name a later process takes a conversation up, also after a restart."""

import logging
from contextlib import suppress
from pathlib import Path

from events.ids import SessionId
from workflows.id_paths import place_of

log = logging.getLogger(__name__)


class AgentNames:
    """How an agent calls each of our sessions, for when it is started again.

    One small file for each session, on the host where the agent keeps its own memory of the conversation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, session_id: SessionId) -> str | None:
        """None if there is none that can be read; empty if the agent cannot take the session up."""
        with suppress(OSError, UnicodeDecodeError):
            return self._file(session_id).read_text()
        return None

    def keep(self, session_id: SessionId, name: str) -> None:
        """Remember the name. If the disk takes nothing the agent goes on, and no name is left: an older one would be wrong."""
        file = self._file(session_id)
        new = file.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new.write_text(name)
            new.replace(file)
        except (OSError, UnicodeEncodeError) as error:
            self.forget(session_id)
            log.warning(
                "agent's name for its session cannot be kept",
                extra={"session_id": session_id, "reason": str(error)},
            )

    def forget(self, session_id: SessionId) -> None:
        with suppress(OSError):
            self._file(session_id).unlink(missing_ok=True)

    def _file(self, session_id: SessionId) -> Path:
        return place_of(self._folder, session_id, "ses")
