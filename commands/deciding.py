"""The write side in one loop: load, authorize, decide, append at the head, else load again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from commands.aggregates import Aggregates
from commands.answers import Answer, answer_of, made_ids, named_ids, standing_ids
from commands.command import Command, Creating
from commands.context import Context
from commands.decider import Decider
from commands.loaded import Loaded
from commands.owners import organization_of
from commands.request import Request
from commands.versions import check_version
from events import codec
from events.commit import Commit, Event
from events.ids import BEGINNING, Position, Timestamp
from events.store import (
    MAX_COMMIT_BYTES,
    AlreadyStored,
    EventStore,
    StalePosition,
    subject_of,
)
from runtime.errors import Conflict, FoundryError, Unavailable
from runtime.logs import current_field
from runtime.metrics import APPEND_RETRIES
from runtime.problems import TooLarge

S = TypeVar("S")
C = TypeVar("C", bound=Command)

ATTEMPTS = 8


class Deciding:
    def __init__(
        self,
        store: EventStore,
        aggregates: Aggregates,
        now: Callable[[], Timestamp],
        *,
        last_cut: Callable[[], str | None],
    ) -> None:
        """`last_cut` gives the mark of the log's last cut, None when it never lost anything."""
        self._store = store
        self._now = now
        self._aggregates = aggregates
        self._last_cut = last_cut

    async def decide(
        self,
        decider: Decider[S, C],
        aggregate_id: str,
        command: C,
        request: Request,
        prepare: Callable[[S], Awaitable[Context]],
    ) -> Answer:
        """The answer to a command about one aggregate.

        `prepare` authorizes, and reads what else the decision needs. A refusal, or "nothing to
        change", is answered only when it was decided at the head. Raises what `prepare` and the
        decider raise, `VersionMismatch`, `Conflict` when the aggregate kept changing, `Unavailable`.
        """
        async with self._aggregates.lock(decider, aggregate_id):
            loaded = await self._aggregates.load(decider, aggregate_id)
            for _ in range(ATTEMPTS):
                known = loaded.keys.get(request.key)
                if known is not None and (repeated := await self.repeated(known, request)):
                    return repeated
                refusal: FoundryError | None = None
                try:
                    context = await prepare(loaded.state)
                    if not isinstance(command, Creating) or loaded.position == BEGINNING:
                        check_version(
                            loaded, command.expected_version, request.if_match, cut=self._last_cut()
                        )
                    events = decider.decide(loaded.state, command, context)
                except Unavailable:
                    raise
                except FoundryError as error:
                    refusal = error
                if refusal is None and events:
                    try:
                        return await self._append(decider, loaded, aggregate_id, events, request)
                    except StalePosition:
                        APPEND_RETRIES.labels("stale").inc()
                        loaded = await self._aggregates.load(decider, aggregate_id)
                        continue
                head = await self._aggregates.confirmed(decider, aggregate_id)
                if head.position != loaded.position:
                    loaded = head
                    continue
                if refusal is not None:
                    raise refusal
                return Answer(
                    command_id=request.command_id,
                    position=head.position,
                    events=[],
                    ids=named_ids(command) | standing_ids(head.state, command, context),
                )
        raise Conflict(f"{aggregate_id} kept changing while this was decided; send it again.")

    async def repeated(self, position: Position, request: Request) -> Answer | None:
        """The answer of the stored commit at `position`, if this request's key made it.

        Raises `Rejected` (`key_reused`) when the key came with another body.
        """
        recorded = await self._store.at(position)
        if recorded is None or not request.made(recorded):
            return None
        return answer_of(recorded)

    async def _append(
        self,
        decider: Decider[S, C],
        loaded: Loaded[S],
        aggregate_id: str,
        events: list[Event],
        request: Request,
    ) -> Answer:
        subject = subject_of(decider.name, aggregate_id)
        commit = Commit(
            at=self._now(),
            actor=request.caller.user_id,
            events=tuple(events),
            organization_id=organization_of(events),
            command=request.ref,
            correlation_id=str(current_field("correlation_id") or request.command_id),
            ids=named_ids(request.command) | made_ids(events),
        )
        body = codec.encode(commit)
        if len(body) > MAX_COMMIT_BYTES:
            raise TooLarge("The text is too long to be stored; shorten it, or put it into a file.")
        message_id = request.message_id(subject)
        try:
            recorded = await self._aggregates.append(
                decider, subject, loaded, commit, body=body, message_id=message_id
            )
        except AlreadyStored as stored:
            return await self._answer_at(stored.position, request)
        return answer_of(recorded)

    async def _answer_at(self, position: Position, request: Request) -> Answer:
        """The answer of another node's commit for this request. Raises `Unavailable` when it was deleted."""
        answer = await self.repeated(position, request)
        if answer is None:
            raise Unavailable("Whether this was stored is not known; send it again.")
        return answer
