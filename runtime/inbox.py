"""One long-lived NATS subscription that takes the answers to all requests and hands each to its asker.

An answer goes to its asker while it is read: nothing waits in between, no header is parsed that nobody looks at.
"""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

from msgspec import Struct
from nats import errors

from runtime.nats_client import NatsClient
from runtime.nats_headers import status_in

NO_RESPONDERS = "503"


class NotSent(Exception):
    """Known not to have been worked on: there is no connection, or nobody listens on that subject."""


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
        self._prefix = client.new_inbox()
        self._before_token = len(self._prefix) + 1
        self._numbers = count(1)
        self._exchanges: dict[bytes, _Exchange] = {}

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
    ) -> None:
        """Send a request and give each answer to `take` until that returns True: it was the last.

        `take` is called in the read loop: it must not raise. `deadline` is event loop time. Raises
        `NotSent` or `NoAnswer`.
        """
        token = str(next(self._numbers))
        exchange = _Exchange(take)
        self._exchanges[token.encode()] = exchange
        try:
            try:
                self._client.send(subject, f"{self._prefix}.{token}", body, headers)
            except errors.Error as error:
                raise NotSent(f"{subject}: {error!r}") from error
            async with asyncio.timeout_at(deadline):
                await exchange.complete
        except TimeoutError:
            raise NoAnswer(f"{subject}: no answer in time") from None
        finally:
            del self._exchanges[token.encode()]
        if exchange.nobody_listens:
            raise NotSent(f"{subject}: nobody listens")

    def interrupt(self) -> None:
        """The connection broke: nobody needs to wait for the deadline of what was asked over it."""
        for exchange in self._exchanges.values():
            if not exchange.complete.done():
                exchange.complete.set_exception(NoAnswer("the connection broke"))

    def _take(self, subject: bytes, reply: bytes, header: bytes, data: bytes) -> None:
        exchange = self._exchanges.get(subject[self._before_token :])
        if exchange is not None:
            exchange.add(Answer(header, data))


class _Exchange:
    """One request under way."""

    def __init__(self, take: Callable[[Answer], bool]) -> None:
        self._take = take
        self._begun = False
        self.nobody_listens = False
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, answer: Answer) -> None:
        # A cluster that changes its leader may answer twice, before the asker was woken by the first.
        if self.complete.done():
            return
        if not self._begun:
            self._begun = True
            self.nobody_listens = status_of(answer) == NO_RESPONDERS
        if self.nobody_listens or self._take(answer):
            self.complete.set_result(None)


def status_of(answer: Answer) -> str | None:
    """The status of an answer that is the server's own word (`404`, `503`), None for content."""
    return status_in(answer.header)
