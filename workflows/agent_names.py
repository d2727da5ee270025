"""What agents call the sessions they have here: with that name a later process takes a conversation up, also after a restart."""

import logging
from contextlib import suppress
from pathlib import Path

from events.ids import SessionId

log = logging.getLogger(__name__)


class AgentNames:
    """One small file for each session, on the host that has its agent's own memory of it, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, session_id: SessionId) -> str | None:
        """None if there is none that can be read; empty if the agent cannot take the session up."""
        with suppress(OSError, UnicodeDecodeError):
            return self._file(session_id).read_text()
        return None

    def keep(self, session_id: SessionId, name: str) -> None:
        """A full disk is no reason to end the agent: what is not kept is not taken up, nor is what it was before."""
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
        return self._folder / session_id
