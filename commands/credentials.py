"""Secrets people prove themselves with. Only their hashes are stored; the secret names its user, so no index is needed."""

import hashlib
import hmac
import secrets

from commands.user_state import Credential, User, UserState
from events.ids import UserId, is_id

TOKEN = "fdy"
APP_SESSION = "fds"
OWNER = UserId("usr_owner")
"""The person whom the first start makes. Tokens of no form we know, from FOUNDRY_TOKEN, are this one's."""

SECRET_LIMIT = 4096


def new_token(user_id: UserId) -> str:
    """A bearer token of a user: `fdy_<part naming the user>_<secret>`, 192 random bits."""
    return _new_secret(TOKEN, user_id)


def new_app_session(user_id: UserId) -> str:
    """The secret in the cookie of a browser that signed in."""
    return _new_secret(APP_SESSION, user_id)


def secret_hash(secret: str) -> str:
    """What is stored of a secret: its hex SHA-256."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def possible_users(secret: str) -> list[UserId]:
    """Whose secret this may be, likeliest first."""
    kind, _, rest = secret.partition("_")
    named = UserId(f"usr_{rest.rpartition('_')[0]}")
    if kind in (TOKEN, APP_SESSION) and is_id(named, "usr") and named != OWNER:
        return [named, OWNER]
    return [OWNER]


def matching(state: UserState, secret: str) -> tuple[str, Credential] | None:
    """The credential whose secret this is, under its id, whether or not it still holds."""
    if not isinstance(state, User):
        return None
    hashes = [secret_hash(secret)] if secret.isascii() else [secret_hash(secret), *_as_sent(secret)]
    found = None
    for credentials in (state.tokens, state.app_sessions):
        for credential_id, credential in credentials.items():
            # All are compared, each in constant time, so that the time tells nothing.
            for one in hashes:
                if hmac.compare_digest(one, credential.hash):
                    found = credential_id, credential
    return found


def _as_sent(secret: str) -> list[str]:
    # HTTP hands header bytes over as Latin-1; a token may have been UTF-8.
    try:
        return [hashlib.sha256(secret.encode("latin-1")).hexdigest()]
    except UnicodeEncodeError:
        return []


def _new_secret(kind: str, user_id: UserId) -> str:
    return f"{kind}_{user_id.removeprefix('usr_')}_{secrets.token_hex(24)}"
