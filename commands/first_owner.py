"""The one owner that the first start makes per log, and the token that opens the door."""

from commands.credentials import OWNER, matching, secret_hash
from commands.decider import Absent
from commands.reports import Reports
from commands.user import USER
from commands.user_state import UserState
from events.commit import Event
from events.ids import Timestamp, TokenId, derive_id, new_id
from events.log_prefix import NODE
from events.user import TokenCreated, UserCreated


async def ensure_owner(reports: Reports, token: str, *, now: Timestamp) -> bool:
    """Make the owner and let `token` be theirs; False when it was theirs and has been revoked or has expired.

    Safe between nodes that start at once. The caller has put a token of its own making
    (`credentials.new_token`) into its 0600 file first, so that a crash here loses no token.
    """
    secret = token.strip()
    good = True

    def welcome(owner: UserState) -> list[Event]:
        nonlocal good
        known = matching(owner, secret)
        good = known is None or known[1].holds(now)
        made: list[Event] = []
        if isinstance(owner, Absent):
            made.append(UserCreated(user_id=OWNER, name="Owner"))
        if known is None:
            hashed = secret_hash(secret)
            token_id = TokenId(derive_id("tok", OWNER, hashed))
            made.append(TokenCreated(user_id=OWNER, token_id=token_id, hash=hashed))
        return made

    await reports.report(USER, OWNER, welcome, report_id=new_id("start"), actor=NODE)
    return good
