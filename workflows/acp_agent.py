"""One running agent process, spoken to in the Agent Client Protocol over its pipes, which may lead to another machine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from events.agent_session import StopReason
from events.fact import Attachment
from events.ids import Timestamp
from events.transcript import Entry
from workflows.acp_entries import end_entries, entry_of, noise_entry, notice_entry
from workflows.acp_words import (
    AUTHENTICATION_REQUIRED,
    model_choice,
    offered_models,
    permission_question,
    prompt_of,
    stop_reason_of,
)
from workflows.agent_errors import AgentDied, AgentFailed, LoginWanted
from workflows.agent_opening import open_session
from workflows.capped_log import CappedLog
from workflows.held_entries import HeldEntries
from workflows.json_rpc import Connection, Disconnected, Message, RemoteError
from workflows.last_words import LastWords
from workflows.output_tail import OutputTail, pump
from workflows.questions import Ask, PermissionRequests
from workflows.sandbox import Running

OnEntry = Callable[[Entry], Awaitable[None]]
"""Called with every entry in the order of the wire; while it waits nothing more is read."""

STDERR_BYTES = 16 << 10
MESSAGE_LENGTH = 1000
"""An agent's error message is cut to this length: it becomes part of a fact."""

CLOSE_SECONDS = 2.0

FORGOTTEN = "The agent was started anew and could not take up the conversation so far: it knows nothing of what was said before this message."


class AgentProcess:
    """An agent with one session of its own. It belongs to whoever started it and must be closed."""

    def __init__(self, child: Running, *, log: Path | None, now: Callable[[], Timestamp]) -> None:
        self.session_id = ""
        """The agent's own name for the session: with it a later process may take it up again."""
        self._child = child
        self._now = now
        self._stderr = OutputTail(STDERR_BYTES)
        self._log = CappedLog(log) if log is not None else None
        self._stdout, self._errors = LastWords(child.stdout), LastWords(child.stderr)
        self._connection = Connection(self._stdout, child.stdin, self)
        self._on_entry: OnEntry = self._hold
        self._questions = PermissionRequests(self._connection)
        self._held = HeldEntries()
        self._taking = asyncio.Lock()
        self._session: dict[str, object] = {}
        self._resumed = False
        self._muted = False
        self._cancelling = False
        self._closing = False
        self._reading = asyncio.create_task(self._read(), name="agent")

    @classmethod
    async def start(
        cls,
        child: Running,
        *,
        cwd: Path,
        now: Callable[[], Timestamp],
        log: Path | None = None,
        resume: str | None = None,
        within: float = 60.0,
    ) -> Self:
        """Make an agent of a started command: its session works in `cwd`, its standard error goes to `log`.

        `resume` is the `session_id` of an earlier process, empty if that is not to be had any more; an
        agent that cannot take it up begins anew. Raises `AgentDied`, `NotTakenUp`, or `AgentFailed` if
        it is not ready `within` seconds.
        """
        agent = cls(child, log=log, now=now)
        try:
            async with asyncio.timeout(within):
                await agent._open(cwd, resume)
        except TimeoutError:
            await agent.close()
            raise AgentFailed(f"The agent was not ready within {within:g} seconds.") from None
        except BaseException:
            await agent.close()
            raise
        return agent

    @property
    def alive(self) -> bool:
        return not self._reading.done()

    async def prompt(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        on_entry: OnEntry,
        ask: Ask,
    ) -> StopReason:
        """One turn, which may last as long as it likes.

        All the agent said before the end of the turn has been given to `on_entry` when this
        returns. Raises `AgentDied`, and `AgentFailed` if the agent refuses.
        """
        self._cancelling = False
        self._questions.ask = ask
        try:
            # What comes meanwhile waits, to stand behind what was said before.
            async with self._taking:
                self._on_entry = on_entry
                for entry in self._held.take(self._now()):
                    await on_entry(entry)
            if self._cancelling:
                return "cancelled"
            params = {"sessionId": self.session_id, "prompt": prompt_of(text, attachments)}
            result = await self._request("session/prompt", params, deadline=None)
        except AgentFailed:
            if self._cancelling:
                return "cancelled"
            raise
        finally:
            self._on_entry = self._hold
            self._questions.drop()
        return stop_reason_of(result)

    async def cancel(self) -> None:
        """Ask for the end of the turn: `prompt` returns `cancelled` once the agent obeys. Its owner closes one that does not."""
        self._cancelling = True
        self._questions.drop()
        with suppress(Disconnected):
            await self._connection.notify("session/cancel", {"sessionId": self.session_id})

    async def choose_model(self, model: str) -> bool:
        """Have the session use another model. False if the agent does not offer it. Raises as `prompt`."""
        choice = model_choice(self._session, model)
        if choice is None:
            return False
        method, params = choice
        await self._request(method, {"sessionId": self.session_id, **params}, deadline=60.0)
        return True

    async def note_missing(self, model: str) -> None:
        """Say in the transcript that the agent does not offer a model."""
        offered = ", ".join(offered_models(self._session))[:MESSAGE_LENGTH]
        # Of a session that goes on an agent need not say again what it offers.
        if offered or not self._resumed:
            offer = offered or "no choice of models"
            await self._note(f"The agent does not have the model {model}; it offers {offer}.")

    async def close(self, *, patience: float = CLOSE_SECONDS) -> None:
        """End the process and everything it started; also a second time, also when it is gone.

        It is given `patience` seconds to end by itself because nobody talks to it any more.
        """
        self._closing = True
        self._questions.drop()
        with suppress(OSError):
            self._child.stdin.close()
        await self._ended(patience)
        # It may be waiting for somebody to take an entry, who is not going to.
        done, _ = await asyncio.wait([self._reading], timeout=CLOSE_SECONDS)
        if not done:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    # --- What the connection tells ---

    async def message(self, message: Message) -> None:
        """Take a request or notification of the agent."""
        entry = entry_of(message, self._now())
        if entry is not None and not self._muted:
            await self._tell(entry)
        if "id" not in message:
            return
        question = permission_question(message)
        if question is None:
            await self._connection.refuse(message)
        else:
            await self._questions.put(message, *question)

    async def noise(self, line: str) -> None:
        """Take a line that is no message."""
        await self._tell(noise_entry(line, self._now()))

    async def _hold(self, entry: Entry) -> None:
        self._held.add(entry)

    async def _note(self, text: str) -> None:
        await self._tell(notice_entry(text, self._now()))

    async def _tell(self, entry: Entry) -> None:
        async with self._taking:
            await self._on_entry(entry)

    # --- Its life ---

    async def _read(self) -> None:
        """All that the process prints, until it ends; then its last words, then everybody who waits is told."""
        logs = [self._log.write] if self._log is not None else []
        pumping = pump(self._errors, self._stderr.add, *logs)
        errors = asyncio.create_task(pumping, name="agent errors")
        ending = asyncio.create_task(self._child.wait(), name="agent end")
        ending.add_done_callback(self._is_over)
        try:
            # An agent that asks and reads no answer is ended like one that says nothing any more.
            with suppress(Disconnected):
                await self._connection.run()
            await self._ended(CLOSE_SECONDS)
            await errors
            if not self._closing:
                for entry in end_entries(self._child.exit_code, self._stderr.text(), self._now()):
                    await self._tell(entry)
        finally:
            self._connection.end()
            await self._child.stop()
            self._child.close()
            errors.cancel()
            ending.cancel()
            if self._log is not None:
                self._log.close()

    def _is_over(self, _: object) -> None:
        self._stdout.over()
        self._errors.over()

    async def _ended(self, patience: float) -> None:
        """Wait for the end of a process that can hear or say nothing any more, and see to it."""
        try:
            async with asyncio.timeout(patience):
                await self._child.wait()
        except TimeoutError:
            await self._child.stop()

    async def _open(self, cwd: Path, resume: str | None) -> None:
        # Some agents repeat a conversation that they take up; all of it stands in the transcript.
        self._muted = bool(resume)
        opened = await open_session(
            partial(self._request, deadline=None), cwd=str(cwd), resume=resume
        )
        self.session_id, self._session = opened.session_id, opened.answer
        self._resumed = opened.resumed
        if resume is not None and not opened.resumed:
            await self._note(FORGOTTEN)
        self._muted = False

    async def _request(
        self, method: str, params: object, *, deadline: float | None
    ) -> dict[str, object]:
        try:
            result = await self._connection.request(method, params, deadline=deadline)
        except RemoteError as error:
            said = error.message[:MESSAGE_LENGTH] or f"The agent refused {method}."
            if error.code == AUTHENTICATION_REQUIRED:
                raise LoginWanted(said) from None
            raise AgentFailed(said) from None
        except Disconnected:
            await self._child.stop()
            await asyncio.wait([self._reading])
            if not self._reading.cancelled():
                self._reading.result()
            raise AgentDied(self._child.exit_code, self._stderr.text()) from None
        return result if isinstance(result, dict) else {}
