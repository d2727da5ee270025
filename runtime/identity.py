"""Who is asking. The write side answers these questions; the read side only asks them."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class Caller(Struct, frozen=True, kw_only=True):
    """Somebody whose credential was good. `credential_id` is the token or app session that proved it."""

    user_id: str
    name: str
    credential_id: str


class Access(Protocol):
    async def identify(self, secret: str) -> Caller | None:
        """The caller whose token or cookie this is; None when it is unknown, expired or revoked."""

    async def still_valid(self, caller: Caller) -> bool:
        """Whether the credential the caller came with still holds, asked again while a stream is open."""

    async def organization_of(self, topic: str) -> str | None:
        """The organization a topic (`task/task_1`) belongs to; None when there is no such thing."""

    async def is_member(self, caller: Caller, organization_id: str) -> bool:
        """Whether the caller belongs to the organization, in whatever role."""


BEARER = "bearer "
COOKIE = "foundry_session"


def secret_of(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str | None:
    """The secret a request carries: the bearer token first, else the cookie."""
    if has_bearer(headers):
        return headers["authorization"][len(BEARER) :].strip() or None
    return cookies.get(COOKIE)


def has_bearer(headers: Mapping[str, str]) -> bool:
    """Whether a bearer token came. No browser adds one by itself, as it does with cookies and with Basic credentials."""
    return headers.get("authorization", "")[: len(BEARER)].lower() == BEARER
