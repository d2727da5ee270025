"""One-time codes for the start-up link: what stands in a terminal or a browser's history is worthless soon."""

import secrets
from collections import OrderedDict
from collections.abc import Callable

from events.ids import Timestamp, UserId

LIFETIME_MS = 10 * 60 * 1000
KEPT = 100


class LoginCodes:
    """Codes of this process, in memory only. `now` gives milliseconds; they are compared with its own only."""

    def __init__(self, now: Callable[[], Timestamp]) -> None:
        self._now = now
        self._codes: OrderedDict[str, tuple[UserId, Timestamp]] = OrderedDict()

    def issue(self, user_id: UserId) -> str:
        """A code that signs this user in once, within ten minutes."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = (user_id, Timestamp(self._now() + LIFETIME_MS))
        while len(self._codes) > KEPT:
            self._codes.popitem(last=False)
        return code

    def redeem(self, code: str) -> UserId | None:
        """Whom the code signs in; None when it is unknown, used or too old."""
        user_id, expires_at = self._codes.pop(code, (None, Timestamp(0)))
        return user_id if self._now() < expires_at else None
