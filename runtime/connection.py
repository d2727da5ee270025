"""The connection to NATS: reconnects for ever, notices silence, and says aloud when it cannot go on."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from nats import errors
from nkeys import NkeysError

from runtime.errors import Unavailable
from runtime.inbox import Answer, Inbox, NoAnswer, NotSent
from runtime.metrics import NATS_CONNECTED, NATS_RECONNECTS
from runtime.nats_client import NatsClient, NotPermitted
from runtime.violations import Violations
from runtime.window import Window

log = logging.getLogger(__name__)

PING_SECONDS = 5
RECONNECT_SECONDS = 0.25
WATCH_SECONDS = 1.0
CLOSE_SECONDS = 5.0
TELL_SECONDS = 2.0
"""A start that waits longer than this for a server says so."""

SEED = b"BEGIN USER NKEY SEED"


class ConnectionLost(Exception):
    """The client gave up for good: end the process with this reason, a fresh one will connect."""


class Connection:
    """One connection of one process, shared by everything in it."""

    def __init__(self, client: NatsClient) -> None:
        self.client = client
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(client)
        self._violations = Violations()
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._closing = False
        self._on_reconnect: list[Callable[[], None]] = []
        self.last_error: Exception | None = None

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def server_version(self) -> str:
        """As the server we are connected to, or were last, names it: `2.15.1`."""
        version = self.client.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    @property
    def max_payload(self) -> int:
        """The largest message the server takes, in bytes."""
        return self.client.max_payload

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` each time the connection is back. The result takes it off again."""
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback)

    async def wait_connected(self, within: float) -> None:
        """Raises `NotSent` when the connection is still down after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._up.wait()
        except TimeoutError:
            raise NotSent(f"There is no connection to NATS: {self.last_error!r}") from None

    async def request(
        self,
        subject: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        within: float,
        at_most: float = 0.0,
        window: Window | None = None,
    ) -> Answer:
        """One question, one answer; the rest as `collect`. Only `NotSent` is known to be without effect."""
        answers: list[Answer] = []

        def take(answer: Answer) -> bool:
            answers.append(answer)
            return True

        times = {"within": within, "at_most": at_most}
        await self.collect(subject, body, headers=headers, take=take, window=window, **times)
        return answers[0]

    async def collect(
        self,
        subject: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        take: Callable[[Answer], bool],
        within: float,
        at_most: float = 0.0,
        window: Window | None = None,
    ) -> None:
        """One question, each answer given to `take` until that returns True: it was the last. `take` must not raise.

        It is waited for `within` seconds, and `at_most` so many (if that is more) while a pong is not there either:
        the way is slow. Nothing is buffered while the connection is down. With a `window` it waits for its turn,
        within the same time. Raises `NotSent` or `NoAnswer`.
        """
        now = self._loop.time()
        deadline, latest = now + within, now + max(within, at_most)
        if not self.connected:
            await self.wait_connected(within)
        try:
            await self._inbox.collect(
                subject,
                body,
                headers=headers,
                take=take,
                deadline=deadline,
                at_most=latest,
                window=window,
            )
        except NoAnswer as error:
            if (violation := self._violations.about(subject, self._inbox.subject)) is None:
                raise
            raise NoAnswer(f"{error}: {violation}") from None

    async def until_lost(self) -> None:
        """Wait beside all other work; raises `ConnectionLost` when the client has given up for good."""
        await self._lost.wait()
        raise ConnectionLost(f"The connection to NATS ended for good: {self.last_error!r}")

    async def open(
        self,
        servers: list[str],
        *,
        user: str | None,
        password: str | None,
        creds: str | None,
        ca: str | None,
        name: str,
    ) -> None:
        """Try until one of the servers answers; the caller sets the deadline."""
        if creds is not None and SEED not in Path(creds).read_bytes():
            raise ValueError(f"{creds} is no credentials file")
        await self.client.connect(
            servers=servers,
            name=name,
            user=user,
            password=password,
            user_credentials=creds,
            tls=ssl.create_default_context(cafile=ca) if ca else None,
            max_reconnect_attempts=-1,
            # Declared a whole number, and only ever slept for.
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]
            # `NatsClient` has a limit of its own, one that forgets no cancellation.
            connect_timeout=None,  # type: ignore[arg-type]
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            flush_timeout=5,
            error_cb=self._failed,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._disconnected,
        )
        await self._inbox.open()
        self._set_up()

    def tell_that_it_waits(self, servers: str, within: float) -> None:
        """Say that nobody answered yet, and what was the last that went wrong."""
        reason = repr(self.last_error) if self.last_error else "no word since the connection began"
        log.warning(
            "nats does not answer yet, waiting",
            extra={"servers": servers, "reason": reason, "at_most_seconds": within},
        )

    async def watch(self) -> None:
        """Heal what nats-py does not notice about itself. Ends when it has given up for good."""
        while not self.client.gave_up:
            if self.client.broken:
                log.warning("nats client stopped reading, reconnecting")
                await self.client.reconnect("one of its loops ended")
            await asyncio.sleep(WATCH_SECONDS)
        log.error("nats connection ended for good", extra={"reason": repr(self.last_error)})
        self._lost.set()

    async def close(self) -> None:
        """Send what is buffered and close; bounded, since either may hang on a dead peer."""
        self._closing = True
        if self.client.never_began:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.client.close()
        except TimeoutError:
            log.warning("nats connection did not close in time")
        except OSError as error:
            log.warning(
                "nats connection was broken when it was closed", extra={"reason": repr(error)}
            )
        NATS_CONNECTED.set(0)

    # nats-py awaits its callbacks inside its read loop: they only note what happened.

    async def _failed(self, error: Exception) -> None:
        if isinstance(error, NotPermitted):
            self._violations.note(str(error))
            return
        # "Authorization violation" says more than the reset of the connection that follows it.
        if _tells_why(error) or not _tells_why(self.last_error):
            self.last_error = error

    async def _disconnected(self) -> None:
        if self._up.is_set() and not self._closing:
            log.warning("nats disconnected", extra={"reason": repr(self.last_error)})
        self._up.clear()
        NATS_CONNECTED.set(0)
        self._inbox.interrupt()

    async def _reconnected(self) -> None:
        NATS_RECONNECTS.inc()
        log.info("nats reconnected", extra={"server": self.server_version})
        self._violations.forget()
        self._set_up()
        for callback in tuple(self._on_reconnect):
            callback()

    def _set_up(self) -> None:
        self.last_error = None
        self._up.set()
        NATS_CONNECTED.set(1)


def _tells_why(error: Exception | None) -> bool:
    """Whether somebody said no, and not only that a connection ended or was not there."""
    said_no = isinstance(error, errors.Error | ssl.SSLError)
    return said_no and not isinstance(error, errors.StaleConnectionError)


@asynccontextmanager
async def connect(
    urls: str | Sequence[str],
    *,
    user: str | None = None,
    password: str | None = None,
    creds: str | None = None,
    ca: str | None = None,
    name: str = "foundry",
    within: float = 30.0,
) -> AsyncIterator[Connection]:
    """Connect to the first server of `urls` (one, several, or several with commas) that answers.

    `creds` is a credentials file, `ca` a file with the authorities to trust. Raises `Unavailable`
    when nobody answers `within` seconds; afterwards the connection comes back by itself, for ever.
    """
    connection = Connection(NatsClient())
    servers = [url.strip() for url in (urls.split(",") if isinstance(urls, str) else urls)]
    telling = asyncio.get_running_loop().call_later(
        TELL_SECONDS, connection.tell_that_it_waits, _without_secrets(servers), within
    )
    try:
        try:
            async with asyncio.timeout(within):
                await connection.open(
                    servers, user=user, password=password, creds=creds, ca=ca, name=name
                )
        except TimeoutError:
            raise Unavailable(
                f"No NATS server answered within {within} s at {_without_secrets(servers)}: "
                f"{connection.last_error!r}"
            ) from None
        except (OSError, ValueError, errors.Error, NkeysError) as error:
            # What a file says is looked at before anybody is asked.
            raise Unavailable(
                f"The credentials or the authorities for {_without_secrets(servers)} cannot be used: {error!r}"
            ) from None
        finally:
            telling.cancel()
        watcher = asyncio.create_task(connection.watch(), name="nats watchdog")
        try:
            yield connection
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
    finally:
        await connection.close()


def _without_secrets(urls: Sequence[str]) -> str:
    return ", ".join(url.rpartition("@")[2] for url in urls)
