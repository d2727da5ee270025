"""Signing a browser in and out: the cookie's secret is a fact of its user, by hash, like a token."""

from collections.abc import Callable

from msgspec import Struct

from commands.access import AccessControl
from commands.credentials import new_app_session, secret_hash
from commands.decider import Absent
from commands.login_codes import LoginCodes
from commands.reports import Reports
from commands.user import USER
from commands.user_state import User, UserState
from events.commit import Event
from events.ids import Timestamp, TokenId, UserId, new_id
from events.user import AppSessionEnded, AppSessionStarted
from runtime.problems import Unauthenticated

LIFETIME_MS = 30 * 24 * 60 * 60 * 1000


class SignedIn(Struct, frozen=True, kw_only=True):
    """`secret` goes into the cookie and nowhere else; it is good for `seconds`."""

    user_id: UserId
    name: str
    secret: str
    seconds: int


class SignIn:
    """`now` gives milliseconds since the Unix epoch."""

    def __init__(
        self,
        access: AccessControl,
        reports: Reports,
        codes: LoginCodes,
        now: Callable[[], Timestamp],
    ) -> None:
        self._access = access
        self._reports = reports
        self._codes = codes
        self._now = now

    async def by_token(self, token: str) -> SignedIn:
        """A cookie's secret for the user of a token, good as long as the token is. Raises `Unauthenticated`.

        The secret of another cookie is no token: who has it could go on for ever.
        """
        caller = await self._access.identify(token.strip())
        if caller is None:
            raise _bad_token()
        return await self._start(UserId(caller.user_id), TokenId(caller.credential_id))

    async def by_code(self, code: str) -> SignedIn:
        """A cookie's secret for the user a code was issued to. Raises `Unauthenticated`."""
        user_id = self._codes.redeem(code)
        if user_id is None:
            raise Unauthenticated(
                "This code was used or is older than ten minutes; sign in with a token."
            )
        return await self._start(user_id)

    async def end(self, secret: str) -> None:
        """End the app session of a cookie's secret; does nothing for a token, or for what has ended already."""
        caller = await self._access.identify(secret)
        if caller is None:
            return

        def ended(state: UserState) -> list[Event]:
            match state:
                case User() if caller.credential_id in state.app_sessions:
                    return [
                        AppSessionEnded(user_id=state.user_id, app_session_id=caller.credential_id)
                    ]
                case _:
                    return []

        await self._reports.report(
            USER,
            caller.user_id,
            ended,
            report_id=f"end {caller.credential_id}",
            actor=caller.user_id,
        )

    async def _start(self, user_id: UserId, token_id: TokenId | None = None) -> SignedIn:
        secret = new_app_session(user_id)
        app_session_id = new_id("app")

        name = ""
        began = self._now()
        expires_at = began + LIFETIME_MS

        def started(state: UserState) -> list[Event]:
            nonlocal name, expires_at
            if isinstance(state, Absent):
                raise Unauthenticated("The user of this code is not there.")
            name = state.name
            if token_id is not None:
                token = state.tokens.get(token_id)
                if token is None or not token.holds(self._now()):
                    raise _bad_token()
                expires_at = min(expires_at, token.expires_at or expires_at)
            return [
                AppSessionStarted(
                    user_id=user_id,
                    app_session_id=app_session_id,
                    hash=secret_hash(secret),
                    expires_at=Timestamp(expires_at),
                    token_id=token_id,
                )
            ]

        await self._reports.report(USER, user_id, started, report_id=app_session_id, actor=user_id)
        seconds = (expires_at - began) // 1000
        return SignedIn(user_id=user_id, name=name, secret=secret, seconds=seconds)


def _bad_token() -> Unauthenticated:
    return Unauthenticated("This token is unknown, expired or revoked; sign in with another one.")
