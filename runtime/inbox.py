"""One long-lived NATS subscription that takes the answers to all requests and hands each to its asker.

An answer goes to its asker while it is read: nothing waits in between, no header is parsed that nobody looks at.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

from msgspec import Struct
from nats import errors

from runtime.nats_client import NatsClient
from runtime.nats_headers import status_in
from runtime.window import Window

NO_RESPONDERS = "503"


class NotSent(Exception):
    """Known not to have been worked on: there is no connection, or nobody listens on that subject."""


class NobodyListens(NotSent):
    """The connection stands, and there is nobody on that subject."""


class NoAnswer(Exception):
    """The request went out and no (complete) answer came: what became of it is unknown."""


class Answer(Struct, frozen=True, gc=False):
    """What came back: `header` is the block as it was sent, empty when there was none, `data` the content."""

    header: bytes
    data: bytes


class Inbox:
    """Correlates requests and answers, one or many for each, over `client`."""

    def __init__(self, client: NatsClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._prefix = client.new_inbox()
        self._before_token = len(self._prefix) + 1
        self._numbers = count(1)
        self._exchanges: dict[bytes, _Exchange] = {}
        self._looks_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def subject(self) -> str:
        """All answers come on it."""
        return f"{self._prefix}.*"

    async def open(self) -> None:
        # What can wait here is bounded by what was asked for.
        await self._client.subscribe_raw(self.subject, self._take)

    async def collect(
        self,
        subject: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        take: Callable[[Answer], bool],
        deadline: float,
        window: Window | None = None,
    ) -> None:
        """Send a request and give each answer to `take` until that returns True: it was the last.

        `take` is called in the read loop: it must not raise. `deadline` is event loop time. With a
        `window` it may have to wait for its turn. Raises `NotSent` or `NoAnswer`.
        """
        token = str(next(self._numbers))
        send = partial(self._client.send, subject, f"{self._prefix}.{token}", body, headers)
        exchange = _Exchange(subject, send, take, deadline, window, self._loop.create_future())
        self._exchanges[token.encode()] = exchange
        try:
            exchange.begin()
            if deadline < self._looks_at:
                self._look_at(deadline)
            await exchange.complete
        finally:
            del self._exchanges[token.encode()]
            exchange.end(None)
        if exchange.nobody_listens:
            raise NobodyListens(f"{subject}: nobody listens")

    def interrupt(self) -> None:
        """The connection broke: nobody needs to wait for the deadline of what was asked over it."""
        for exchange in self._exchanges.values():
            exchange.fail("the connection broke")

    def _look_at(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = deadline
        self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        """End what waits too long. One timer for all: hardly any exchange ever needs it."""
        now = self._loop.time()
        self._timer, self._looks_at, next_look = None, math.inf, math.inf
        for exchange in self._exchanges.values():
            if exchange.deadline <= now:
                exchange.fail("no answer in time")
            else:
                next_look = min(next_look, exchange.deadline)
        if next_look < math.inf:
            self._look_at(next_look)

    def _take(self, subject: bytes, reply: bytes, header: bytes, data: bytes) -> None:
        exchange = self._exchanges.get(subject[self._before_token :])
        if exchange is not None:
            exchange.add(Answer(header, data))


class _Exchange:
    """One request under way."""

    def __init__(
        self,
        subject: str,
        send: Callable[[], None],
        take: Callable[[Answer], bool],
        deadline: float,
        window: Window | None,
        complete: asyncio.Future[None],
    ) -> None:
        self._subject = subject
        self._send = send
        self._take = take
        self.deadline = deadline
        self._window = window
        self._sent = False
        self._begun = False
        self.nobody_listens = False
        self.complete = complete

    @property
    def over(self) -> bool:
        return self.complete.done()

    def begin(self) -> None:
        if self._window is None:
            self.send()
        else:
            self._window.enter(self)

    def end(self, answer: bytes | None) -> None:
        if self._window is not None:
            self._window.leave(self, answer=answer)

    def send(self) -> None:
        """Its turn may come while another one's answer is read, so what goes wrong is told to whoever waits for this one."""
        try:
            self._send()
            self._sent = True
        except errors.Error as error:
            self.complete.set_exception(NotSent(f"{self._subject}: {error!r}"))
        except Exception as error:
            self.complete.set_exception(error)

    def add(self, answer: Answer) -> None:
        # A cluster that changes its leader may answer twice, before the asker was woken by the first.
        if self.over:
            return
        if not self._begun:
            self._begun = True
            self.nobody_listens = status_of(answer) == NO_RESPONDERS
        if self.nobody_listens or self._take(answer):
            self.complete.set_result(None)
            self.end(answer.data)

    def fail(self, reason: str) -> None:
        if not self.over:
            error = NoAnswer if self._sent else NotSent
            self.complete.set_exception(error(f"{self._subject}: {reason}"))


def status_of(answer: Answer) -> str | None:
    """The status of an answer that is the server's own word (`404`, `503`), None for content."""
    return status_in(answer.header)
