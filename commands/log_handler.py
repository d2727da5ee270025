"""Commands about the log itself. They concern everybody's work, so only the installation's owner may give them."""

from collections.abc import Sequence

from msgspec.structs import replace

from commands.answers import Answer
from commands.context import Context
from commands.credentials import OWNER
from commands.deciding import Deciding
from commands.log import LOG, Log, LogCommand, RetryPoison, SkipPoison, ruled_kind
from commands.refusals import no_such
from commands.request import Request
from events.codec import is_readable
from events.commit import Recorded
from events.ids import Position
from events.log import LOG_ID
from events.store import EventStore, subject_of
from runtime.errors import Rejected
from runtime.problems import Forbidden


class LogHandler:
    def __init__(self, store: EventStore, deciding: Deciding) -> None:
        self._store = store
        self._deciding = deciding

    async def answer(self, request: Request, command: LogCommand, base: Context) -> Answer:
        if request.user_id != OWNER:
            raise Forbidden("Only the owner of this installation may do that.")
        subject = subject_of(ruled_kind(command.aggregate_id), command.aggregate_id)

        async def prepare(state: Log) -> Context:
            history = await self._store.load(subject)
            if not history:
                raise no_such("history")
            match command:
                case RetryPoison():
                    return base
                case SkipPoison(position=None):
                    return replace(base, stuck_position=first_unreadable(history, state))
                case SkipPoison(position=position):
                    if all(recorded.position != position for recorded in history):
                        raise Rejected(
                            f"No commit of {command.aggregate_id} stands at position {position};"
                            " /v1/history has the positions there are."
                        )
                    return replace(base, stuck_position=position)

        return await self._deciding.decide(LOG, LOG_ID, command, request, prepare)


def first_unreadable(history: Sequence[Recorded], state: Log) -> Position | None:
    """Where a history cannot be read further, what was decided already left out."""
    for recorded in history:
        decided = (recorded.subject, recorded.position) in state.skipped
        if not decided and not is_readable(recorded):
            return recorded.position
    return None
