"""One turn: a message is handed to an agent once, everything it says is stored, and the turn ends in a clear state."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from commands.session_reports import message_delivered, permission_requested, turn_ended
from commands.task import TASK
from commands.task_state import Session, Task, Waiting
from events.agent_session import PermissionOption, StopReason
from events.ids import Timestamp
from events.store import EventStore
from events.transcript import Entry
from workflows.acp_agent import AgentProcess
from workflows.acp_entries import notice_entry
from workflows.acp_words import option_to
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import TranscriptWriter

log = logging.getLogger(__name__)

CANCEL_GRACE_SECONDS = 10.0

BROKEN = (
    "What the agent said could not be stored, so its turn was ended and its process too. "
    "What it did until then is in the files; send another message to go on. The worker's log has the reason."
)

ENDINGS: Mapping[StopReason, str] = {
    "cancelled": "Stopped.",
    "max_tokens": "The agent ended this turn because it had used as many tokens as it may in one. Send a message to go on.",
    "max_turn_requests": "The agent ended this turn because it had asked its model as often as it may in one. Send a message to go on.",
    "refusal": "The agent refused to go on, and will not remember this message.",
}
"""What is said of turns that ended before they were done; whoever reads a transcript would not know."""

NO_OPTIONS = "The agent asked this without an answer to choose from; it was told that nobody chose."
NONE_ALLOWS = (
    "None of the answers to choose from allows this; the agent was told that nobody chose."
)
OPTIONS_BYTES = 256 * 1024
TOO_MUCH = "The agent asked this with more to choose from than can be stored; it was told that nobody chose."


class Turn:
    """The turn of one message. `run` does it all; `cancel` and `answer` reach into it from outside."""

    def __init__(
        self,
        task: Task,
        session: Session,
        message: Waiting,
        *,
        reports: SteadyReports,
        store: EventStore,
        now: Callable[[], Timestamp],
        worker: str,
    ) -> None:
        self._task = task
        self._session = session
        self._message = message
        self._reports = reports
        self._now = now
        self._worker = worker
        self._correlation_id = message.command_id or ""
        self._agent: AgentProcess | None = None
        self._cancelling = False
        self._over = asyncio.Event()
        self._questions: dict[str, asyncio.Future[str | None]] = {}
        self._writer = TranscriptWriter(
            reports,
            store,
            organization_id=task.organization_id,
            task_id=task.task_id,
            session_id=session.id,
            correlation_id=self._correlation_id,
        )

    async def run(self, agent: AgentProcess) -> None:
        """Hand the message over and stay until the turn has ended and is stored."""
        if not await self._deliver():
            return
        if not self._cancelling:
            self._agent = agent
        self._writer.add(
            Entry(
                sender="user",
                kind="message",
                at=self._message.at,
                message_id=self._message.id,
                command_id=self._message.command_id,
                text=self._message.text,
                attachments=self._message.attachments,
            )
        )
        try:
            stop_reason, error = await self._converse(agent)
        except Exception:
            log.exception("turn failed in the worker itself")
            stop_reason, error = await self._break_off(agent)
        finally:
            self._over.set()
        await self._end(stop_reason, error)

    async def cancel(self) -> None:
        """Ask the agent to stop; one that does not within 10 seconds is ended."""
        if self._cancelling:
            return
        self._cancelling = True
        for question in self._questions.values():
            if not question.done():
                question.set_result(None)
        if self._agent is None:
            # Not handed over yet, and now it will not be.
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_GRACE_SECONDS):
                # One that does not read its input does not take this either.
                await self._agent.cancel()
                await self._over.wait()
                return
        await self._agent.close()

    def answer(self, request_id: str, option_id: str) -> None:
        """A person answered a permission request of this turn."""
        question = self._questions.get(request_id)
        if question is not None and not question.done():
            question.set_result(option_id)

    async def _deliver(self) -> bool:
        # The id is fresh for every hand-over, so that only this very call is told "delivered": a
        # worker that starts again finds the fact in the history and never hands over twice.
        _, events = await self._reports.report(
            TASK,
            self._task.task_id,
            lambda task: message_delivered(
                task, session_id=self._session.id, message_id=self._message.id
            ),
            report_id=f"{self._worker}/{self._message.id}/{secrets.token_hex(6)}",
            correlation_id=self._correlation_id,
        )
        return bool(events)

    async def _converse(self, agent: AgentProcess) -> tuple[StopReason, str | None]:
        """How it ended, once all that was said is stored."""
        # A writer that fails takes the turn with it: else the agent would wait for room for ever.
        async with asyncio.TaskGroup() as parts:
            writing = parts.create_task(self._writer.run(), name="transcript")
            stop_reason, error = await self._prompt(agent)
            self._over.set()
            writing.cancel()
        if stop_reason in ENDINGS:
            self._note(ENDINGS[stop_reason])
        await self._writer.flush()
        return stop_reason, error

    async def _break_off(self, agent: AgentProcess) -> tuple[StopReason, str | None]:
        """End a turn that cannot be written down: nobody would see what the agent goes on doing."""
        await agent.close()
        self._writer.drop()
        self._complain(BROKEN)
        await self._writer.finish()
        return "error", BROKEN

    async def _prompt(self, agent: AgentProcess) -> tuple[StopReason, str | None]:
        if self._cancelling:
            return "cancelled", None
        try:
            stop_reason = await agent.prompt(
                self._message.text,
                attachments=self._message.attachments,
                on_entry=self._said,
                ask=self._ask,
            )
        except (AgentDied, AgentFailed) as death:
            if self._cancelling:
                return "cancelled", None
            self._complain(str(death))
            return "error", str(death)
        return ("cancelled" if self._cancelling else stop_reason), None

    async def _said(self, entry: Entry) -> None:
        self._writer.add(entry)
        await self._writer.has_room()

    async def _ask(self, title: str, options: Sequence[PermissionOption]) -> str | None:
        """The option that the task's policy or a person chooses, None for "cancelled"."""
        if not options:
            self._complain(f"{title} ({NO_OPTIONS})")
            return None
        match self._task.permissions:
            case "allow":
                allowing = option_to("allow", options)
                if allowing is None:
                    self._complain(f"{title} ({NONE_ALLOWS})")
                return allowing
            case "deny":
                self._note(f"{title}: refused, as this task's permissions say.")
                return option_to("reject", options)
            case "ask":
                return await self._ask_a_person(title, options)

    async def _ask_a_person(self, title: str, options: Sequence[PermissionOption]) -> str | None:
        if len(msgspec.json.encode(options)) > OPTIONS_BYTES:
            self._complain(f"{title} ({TOO_MUCH})")
            return None
        request_id = secrets.token_hex(8)
        question = asyncio.get_running_loop().create_future()
        self._questions[request_id] = question
        await self._reports.report(
            TASK,
            self._task.task_id,
            lambda task: permission_requested(
                task,
                session_id=self._session.id,
                request_id=request_id,
                title=title,
                options=options,
            ),
            report_id=f"{self._session.id}/{request_id}",
            correlation_id=self._correlation_id,
        )
        self._writer.add(
            Entry(
                sender="system",
                kind="permission_request",
                at=self._now(),
                payload={
                    "request_id": request_id,
                    "title": title,
                    "options": [
                        {"id": one.id, "name": one.name, "kind": one.kind} for one in options
                    ],
                },
            )
        )
        chosen: str | None = await question
        for option in options:
            if option.id == chosen:
                self._note(f"Answered: {option.name or option.id}.")
        return chosen

    def _note(self, text: str) -> None:
        self._writer.add(notice_entry(text, self._now()))

    def _complain(self, text: str) -> None:
        self._writer.add(Entry(sender="system", kind="error", at=self._now(), text=text))

    async def _end(self, stop_reason: StopReason, error: str | None) -> None:
        await self._reports.report(
            TASK,
            self._task.task_id,
            lambda task: turn_ended(
                task,
                session_id=self._session.id,
                message_id=self._message.id,
                stop_reason=stop_reason,
                transcript_version=self._writer.position,
                error=error,
            ),
            report_id=f"{self._message.id}/ended",
            correlation_id=self._correlation_id,
        )
        log.info("turn ended", extra={"session_id": self._session.id, "stop_reason": stop_reason})
