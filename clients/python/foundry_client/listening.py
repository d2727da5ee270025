"""Ways of being told: functions by the name of what they hear, and a view that is waited for."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from foundry_client.effects import Why
from foundry_client.happenings import View

log = logging.getLogger("foundry_client")

Word = Literal["state", "ledger", "problem", "log"]
Hearer: TypeAlias = Callable[[Any], None]
News: TypeAlias = tuple[View | None, Why]


class Hearers:
    """Tells one after the other, when nothing else is under way: a hearer may do what it likes."""

    def __init__(self) -> None:
        self._hearers: list[tuple[Word, Hearer]] = []

    def add(self, word: Word, hearer: Hearer) -> Callable[[], None]:
        """Tell `hearer` from now on; the answer ends that."""
        entry = (word, hearer)
        self._hearers.append(entry)

        def end() -> None:
            self._hearers = [other for other in self._hearers if other is not entry]

        return end

    def tell(self, word: Word, what: object) -> None:
        for heard, hearer in self._hearers:
            if heard == word:
                self.later(hearer, what)

    def later(self, hearer: Callable[..., None], *what: object) -> None:
        asyncio.get_running_loop().call_soon(_guarded, hearer, *what)


def _guarded(hearer: Callable[..., None], *what: object) -> None:
    """Somebody else's mistakes must not become ours."""
    try:
        hearer(*what)
    except Exception:
        log.exception("a listener failed")


class Newest:
    """The newest news of one view. Whoever is slow skips what was in between, and nothing piles up."""

    def __init__(self) -> None:
        self._news: News | None = None
        self._changed = asyncio.Event()
        self._over = False

    def put(self, view: View | None, why: Why) -> None:
        self._news = (view, why)
        self._changed.set()

    def end(self) -> None:
        self._over = True
        self._changed.set()

    async def get(self) -> News | None:
        """The newest news that were not got yet; None when there will be none any more."""
        await self._changed.wait()
        news, self._news = self._news, None
        if not self._over:
            self._changed.clear()
        return news


class Waiters:
    """Those who wait until a topic is held at a version."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, int, asyncio.Future[None]]] = []

    def until(self, topic: str, version: int) -> asyncio.Future[None]:
        """Done when the topic is told at this version or a later one; cancel it to wait no longer."""
        future = asyncio.get_running_loop().create_future()
        self._forget_done()
        self._waiting.append((topic, version, future))
        return future

    def told(self, view: View) -> None:
        for topic, version, future in self._waiting:
            if topic == view.topic and version <= view.version and not future.done():
                future.set_result(None)
        self._forget_done()

    def _forget_done(self) -> None:
        self._waiting = [one for one in self._waiting if not one[2].done()]
