"""Turns that an earlier process of this host left running: they end as interrupted and are never repeated."""

import logging
from collections.abc import Callable

from commands.session_reports import turn_ended
from commands.task import TASK
from commands.task_state import Session, Task
from events.agent_session import MessageQueued
from events.codec import is_readable
from events.fact import Attachment
from events.ids import MessageId, Position, Timestamp
from events.store import EventStore, Limit, subject_of
from events.transcript import EntriesAppended, Entry
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import TranscriptWriter

log = logging.getLogger(__name__)


class InterruptedTurns:
    """`now` gives milliseconds since the Unix epoch."""

    def __init__(
        self, *, reports: SteadyReports, store: EventStore, now: Callable[[], Timestamp]
    ) -> None:
        self._reports = reports
        self._store = store
        self._now = now

    async def end(self, task: Task, session: Session, message_id: MessageId) -> None:
        """Say in the transcript what happened, then in the task's history that the turn has ended."""
        writer = TranscriptWriter(
            self._reports,
            self._store,
            organization_id=task.organization_id,
            task_id=task.task_id,
            session_id=session.id,
        )
        if not await self._was_said(session, message_id):
            # The crash came between the delivery and the first transcript commit of the turn.
            text, attachments = await self._message(message_id, session.queued_position)
            writer.add(
                Entry(
                    sender="user",
                    kind="message",
                    at=self._now(),
                    message_id=message_id,
                    text=text,
                    attachments=attachments,
                )
            )
        writer.add(
            Entry(
                sender="system",
                kind="interrupted",
                at=self._now(),
                message_id=message_id,
                text="The worker ended while this turn was running. The message was not handed over again; send it anew to repeat it.",
            )
        )
        position = await writer.finish()
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: turn_ended(
                now,
                session_id=session.id,
                message_id=message_id,
                stop_reason="interrupted",
                transcript_version=position,
            ),
            report_id=f"{message_id}/interrupted",
        )
        log.info("turn interrupted", extra={"session_id": session.id, "message_id": message_id})

    async def _was_said(self, session: Session, message_id: MessageId) -> bool:
        # The first thing a turn tells; it may have said more since than fits into memory.
        begun = await self._store.load(
            subject_of("transcript", session.id),
            after=session.turn_position,
            limit=Limit(commits=1),
        )
        return any(
            entry.message_id == message_id and entry.sender == "user"
            for recorded in begun
            if is_readable(recorded)
            for event in recorded.commit.events
            if isinstance(event, EntriesAppended)
            for entry in event.entries
        )

    async def _message(
        self, message_id: MessageId, queued_position: Position
    ) -> tuple[str, tuple[Attachment, ...]]:
        recorded = await self._store.at(queued_position)
        for event in recorded.commit.events if recorded and is_readable(recorded) else ():
            if isinstance(event, MessageQueued) and event.message_id == message_id:
                return event.text, event.attachments
        return "", ()
