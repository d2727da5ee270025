"""One long-lived NATS subscription that takes the answers to all requests and hands each to its asker."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

UNLIMITED = 0
STATUS = "Status"
NO_RESPONDERS = "503"


class NotSent(Exception):
    """Known not to have been worked on: there is no connection, or nobody listens on that subject."""


class NoAnswer(Exception):
    """The request went out and no (complete) answer came: what became of it is unknown."""


class Inbox:
    """Correlates requests and answers, one or many for each, over `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._numbers = count(1)
        self._exchanges: dict[str, _Exchange] = {}

    async def open(self) -> None:
        # What can wait here is bounded by what was asked for; a limit would only drop answers.
        await self._client.subscribe(
            f"{self._prefix}.*",
            cb=self._take,
            pending_msgs_limit=UNLIMITED,
            pending_bytes_limit=UNLIMITED,
        )

    async def collect(
        self,
        subject: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        is_last: Callable[[Msg], bool],
        deadline: float,
    ) -> list[Msg]:
        """Send a request and gather its answers until `is_last`. `deadline` is event loop time."""
        token = str(next(self._numbers))
        exchange = _Exchange(is_last)
        self._exchanges[token] = exchange
        try:
            try:
                await self._client.publish(
                    subject,
                    body,
                    reply=f"{self._prefix}.{token}",
                    headers=dict(headers) if headers else None,
                )
            except errors.Error as error:
                raise NotSent(f"{subject}: {error!r}") from error
            except OSError as error:
                # It broke under the request, which may still stand in what is sent when it is back.
                raise NoAnswer(f"{subject}: {error!r}") from error
            async with asyncio.timeout_at(deadline):
                await exchange.complete
        except TimeoutError:
            raise NoAnswer(f"{subject}: no answer in time") from None
        finally:
            del self._exchanges[token]
        first = exchange.answers[0]
        if len(exchange.answers) == 1 and status_of(first) == NO_RESPONDERS:
            raise NotSent(f"{subject}: nobody listens")
        return exchange.answers

    def interrupt(self) -> None:
        """The connection broke: nobody needs to wait for the deadline of what was asked over it."""
        for exchange in self._exchanges.values():
            if not exchange.complete.done():
                exchange.complete.set_exception(NoAnswer("the connection broke"))

    async def _take(self, message: Msg) -> None:
        exchange = self._exchanges.get(message.subject.rpartition(".")[2])
        if exchange is not None:
            exchange.add(message)


class _Exchange:
    """The answers to one request, as far as they came."""

    def __init__(self, is_last: Callable[[Msg], bool]) -> None:
        self._is_last = is_last
        self.answers: list[Msg] = []
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, message: Msg) -> None:
        # A cluster that changes its leader may answer twice, before the asker was woken by the first.
        if self.complete.done():
            return
        self.answers.append(message)
        if self._is_last(message):
            self.complete.set_result(None)


def status_of(message: Msg) -> str | None:
    """The status of a message that is the server's own word (`404`, `503`), None for content."""
    return message.headers.get(STATUS) if message.headers else None
