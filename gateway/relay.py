"""Takes a request about a stream to the node that has it, and brings the answer back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError

from runtime.errors import Unavailable

Handler = Callable[[bytes], Awaitable[bytes]]


class Relay(Protocol):
    async def forward(self, node: str, request: bytes) -> bytes | None:
        """The answer of a node; None when there is no such node. Raises `Unavailable` when it stays silent."""

    def serving(self, node: str, handler: Handler) -> AbstractAsyncContextManager[None]:
        """Inside, requests to `node` are answered by `handler`, which must not raise."""


class NatsRelay:
    """Over NATS request and reply: nothing is stored, a silent node costs `within` seconds."""

    def __init__(self, client: Client, *, within: float = 2.0) -> None:
        self._client = client
        self._within = within

    async def forward(self, node: str, request: bytes) -> bytes | None:
        try:
            answer = await self._client.request(_subject(node), request, timeout=self._within)
        except NoRespondersError:
            return None
        except (Error, TimeoutError):
            raise Unavailable("The node of this stream does not answer; try again.") from None
        return bytes(answer.data)

    @asynccontextmanager
    async def serving(self, node: str, handler: Handler) -> AsyncIterator[None]:
        async def answer(message: Msg) -> None:
            await message.respond(await handler(message.data))

        subscription = await self._client.subscribe(_subject(node), cb=answer)
        # Without it the server may not know of the subscription yet; while it is away, it learns on reconnect.
        with suppress(Error, TimeoutError):
            await self._client.flush(timeout=max(1, round(self._within)))
        try:
            yield
        finally:
            if self._client.is_connected:
                # It goes away in any case, with the connection at the latest: no reason to fail whoever ends here.
                with suppress(Error, TimeoutError):
                    async with asyncio.timeout(self._within):
                        await subscription.unsubscribe()


def _subject(node: str) -> str:
    return f"gateway.{node}.interest"
