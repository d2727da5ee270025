"""nats-py, made to keep trying: its known ways of hanging or giving up are closed here and nowhere else.

This is the only file that touches what nats-py keeps private (checked against 2.16).
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from urllib.parse import ParseResult

from nats import errors
from nats.aio.client import PING_PROTO, Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.protocol.parser import PERMISSIONS_ERR

from runtime.nats_parser import MessageParser, Sink
from runtime.nats_publication import publication
from runtime.piece_reader import PieceReader

READ_BYTES = 256 * 1024
CLOSE_SECONDS = 2.0
CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 10
WAITING_BYTES = 8 * 1024 * 1024
"""While the server has not taken more than this, nothing else is sent: it would not be answered in time either."""


class NotPermitted(errors.Error):
    """The server will not do it for this account, and says no more to whoever waits for it."""


class NatsClient(Client):
    """A client that comes back by itself from whatever the network or the server does."""

    def __init__(self) -> None:
        super().__init__()
        self._leaving = False
        self._ps: MessageParser = MessageParser(self)

    async def subscribe_raw(self, subject: str, sink: Sink) -> Subscription:
        """A subscription whose messages go to `sink` as they are read, with no queue and no task between."""
        subscription = await self.subscribe(subject)
        self._ps.sinks[subscription._id] = sink
        return subscription

    def send(
        self, subject: str, reply: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish now or not at all: nothing is kept for a connection that is down. Raises `nats.errors.Error`.

        What is sent in one turn of the loop leaves together, since a write takes longer than all else
        that a message costs here: at the turn's end, and what answers give rise to once they are read.
        """
        if not self.is_connected:
            raise errors.ConnectionClosedError
        if len(body) > self.max_payload:
            raise errors.MaxPayloadError
        if self._waiting_bytes() > WAITING_BYTES:
            raise errors.OutboundBufferLimitError
        message = publication(subject, reply, body, headers or {})
        # Behind what nats-py has not sent yet, a subscription for the answer perhaps.
        self._pending.append(message)
        self._pending_data_size += len(message)
        if not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_soon(self._write_pending)

    @contextmanager
    def sent_together(self) -> Iterator[None]:
        """Write what is sent inside as soon as it is left, not at the end of this turn of the loop, for which nats-server would wait."""
        self._leaving = True
        try:
            yield
        finally:
            self._write_pending()

    def ping(self, heard: Callable[[], None]) -> None:
        """Call `heard` when the server has read all that was sent until now, and what it had for us by then has come.

        Never called if the connection breaks before that, or is not there.
        """
        self._write_pending()
        if not self.is_connected:
            return
        assert self._transport is not None
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        pong.add_done_callback(lambda _: heard())
        self._pongs.append(pong)
        with suppress(OSError):
            self._transport.write(PING_PROTO)

    def _write_pending(self) -> None:
        self._leaving = False
        if not (self._pending and self.is_connected):
            return
        assert self._transport is not None
        # What breaks here is noticed where it is read; these bytes go out when it is back.
        with suppress(OSError):
            self._transport.writelines(self._pending)
            self._pending = []
            self._pending_data_size = 0

    def _waiting_bytes(self) -> int:
        transport = self._transport
        writer = transport._io_writer if isinstance(transport, TcpTransport) else None
        in_transport = writer.transport.get_write_buffer_size() if writer is not None else 0
        return self._pending_data_size + in_transport

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._ps.sinks.pop(sid, None)

    @property
    def never_began(self) -> bool:
        """It was not even told whom to connect to; nats-py cannot close such a client."""
        return self._flush_queue is None

    @property
    def broken(self) -> bool:
        """It says connected, but one of its loops has ended, so nothing would ever come again."""
        loops = (self._reading_task, self._ping_interval_task, self._flusher_task)
        return self.is_connected and any(loop is None or loop.done() for loop in loops)

    @property
    def gave_up(self) -> bool:
        """It is closed, or it says reconnecting while nobody is at it any more."""
        attempt = self._reconnection_task
        return self.is_closed or (self.is_reconnecting and attempt is not None and attempt.done())

    async def reconnect(self, reason: str) -> None:
        """Drop the connection and make another one."""
        await self._process_op_err(errors.Error(reason))

    # asyncio.wait_for of Python 3.11 forgets a cancellation that comes at the same moment as what it
    # waits for: whoever cancelled then waits for ever. Told of no limit, nats-py does without it.

    async def _connect_to_server(self, s: Srv) -> None:
        s.last_attempt = monotonic()
        if not isinstance(self._transport, _Transport):
            self._transport = _Transport(self._heard)
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._transport.connect(s.uri, buffer_size=READ_BYTES, connect_timeout=None)

    async def _process_connect_init(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            await super()._process_connect_init()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py encrypts when the server asks for it, and else says the password in the clear.
        if initial_connection and self._wants_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise errors.Error(
                    "nats: the server has no TLS, and tls:// or the authorities that were named ask for it"
                )
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    @property
    def _wants_tls(self) -> bool:
        assert self._current_server is not None
        return self._current_server.uri.scheme == "tls" or self.options.get("tls") is not None

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py forgets why it makes another connection, a silent server or an error that one named.
        if self.is_connected:
            await self._error_cb(e)
        await super()._process_op_err(e)

    async def _process_err(self, err_msg: str) -> None:
        # nats-py closes for good on nearly every error the server names, also on one that only
        # means "not now" (a full server, one that shuts down). The protocol has no codes for them.
        if PERMISSIONS_ERR in err_msg.lower():
            await self._error_cb(NotPermitted(err_msg.strip("'")))
        else:
            await self.reconnect(err_msg)

    async def _request_new_style(
        self,
        subject: str,
        payload: bytes,
        timeout: float = 1,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        try:
            async with asyncio.timeout(timeout):
                return await super()._request_new_style(subject, payload, None, headers)  # type: ignore[arg-type]
        except TimeoutError:
            raise errors.TimeoutError from None

    def _heard(self) -> None:
        # A pong may come behind much else on a slow link: whoever sends anything is alive.
        self._pings_outstanding = 0

    async def _process_pong(self) -> None:
        # A PONG for a flush that timed out: nats-py would set the result of a cancelled future, and
        # the error would end its read loop.
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
            self._pings_outstanding = 0
        else:
            await super()._process_pong()


class _Transport(TcpTransport):
    """TCP that notices a dead peer within seconds, and whose close cannot hang on one. `heard` is told of every byte."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._heard = heard

    async def connect(
        self, uri: ParseResult, buffer_size: int, connect_timeout: int | None
    ) -> None:
        # An attempt that ended between the connection and the server's greeting left its socket open.
        self.close()  # type: ignore[no-untyped-call]
        loop = asyncio.get_running_loop()
        reader = PieceReader(limit=buffer_size)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(
            lambda: protocol, uri.hostname or "", uri.port or 0
        )
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = asyncio.StreamWriter(
            transport, protocol, reader, loop
        )
        peer: socket.socket | None = self._io_writer.get_extra_info("socket")
        if peer is not None:
            _watch(peer)

    def write(self, payload: bytes) -> None:
        with _as_broken():
            super().write(payload)  # type: ignore[no-untyped-call]

    def writelines(self, payload: list[bytes]) -> None:
        with _as_broken():
            super().writelines(payload)  # type: ignore[no-untyped-call]

    async def read(self, buffer_size: int) -> bytes:
        assert self._io_reader is not None
        data = await self._io_reader.read(READ_BYTES)
        if data:
            self._heard()
        return data

    async def wait_closed(self) -> None:
        writer = self._io_writer
        if writer is None:
            return
        # Closing first sends what is buffered, which a half-open connection never takes: without
        # this bound a reconnect would wait for the system's own limit, some 15 minutes.
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                # All who wait share one future: without the shield, one of them that is cancelled
                # would cancel whoever waits next.
                await asyncio.shield(writer.wait_closed())
        except TimeoutError:
            writer.transport.abort()


@contextmanager
def _as_broken() -> Iterator[None]:
    """uvloop says RuntimeError for a connection that is closed, which nobody takes for a broken one."""
    try:
        yield
    except RuntimeError as error:
        raise ConnectionResetError(f"{error}") from error


def _watch(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # These three exist on Linux; elsewhere the pings of the protocol do the same, only later.
    for option, value in (
        ("TCP_KEEPIDLE", SILENCE_SECONDS // 2),
        ("TCP_KEEPINTVL", 2),
        ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
    ):
        if hasattr(socket, option):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
