"""One long-lived NATS subscription that takes the answers to all requests and hands each to its asker.

An answer goes to its asker while it is read: nothing waits in between, no header is parsed that nobody looks at.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
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
        at_most: float,
        window: Window | None = None,
    ) -> None:
        """Send a request and give each answer to `take` until that returns True: it was the last.

        `take` is called in the read loop: it must not raise. `deadline` and `at_most` are event loop time:
        behind the first it is waited for only while it may still be on its way. With a `window` it may
        have to wait for its turn. Raises `NotSent` or `NoAnswer`.
        """
        token = str(next(self._numbers))
        send = partial(self._client.send, subject, f"{self._prefix}.{token}", body, headers)
        complete = self._loop.create_future()
        exchange = _Exchange(subject, send, take, deadline, at_most, window, complete)
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
        self._timer, self._looks_at = None, math.inf
        late: list[_Exchange] = []
        for exchange in self._exchanges.values():
            if exchange.deadline > now:
                continue
            if exchange.may_be_on_its_way:
                late.append(exchange)
            else:
                exchange.fail("no answer in time")
        if late:
            # Whoever asked again would send the same once more down a way that is full already.
            for exchange in late:
                exchange.deadline = exchange.at_most
            self._client.ping(partial(self._overtaken, late, now))
        self._look_at_the_next()

    def _overtaken(self, late: Sequence["_Exchange"], asked_at: float) -> None:
        """What was sent before the pong is here. The server may have read a long question, or had a long turn, just before it."""
        now = self._loop.time()
        for exchange in late:
            exchange.at_most = min(exchange.at_most, now + (now - asked_at))
            exchange.deadline = exchange.at_most
        self._look_at_the_next()

    def _look_at_the_next(self) -> None:
        waiting = [one.deadline for one in self._exchanges.values() if not one.over]
        if waiting:
            self._look_at(min(waiting))

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
        at_most: float,
        window: Window | None,
        complete: asyncio.Future[None],
    ) -> None:
        self._subject = subject
        self._send = send
        self._take = take
        self.deadline = deadline
        self.at_most = at_most
        self._window = window
        self._sent = False
        self._begun = False
        self.nobody_listens = False
        self.complete = complete

    @property
    def over(self) -> bool:
        return self.complete.done()

    @property
    def may_be_on_its_way(self) -> bool:
        """Whether a late answer may come behind others on a slow way, and nobody has looked yet."""
        return self._sent and self.deadline < self.at_most

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
