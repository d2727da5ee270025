"""The commands about a person: who they are, their tokens, and what they have open."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from commands.command import Command, Creating, ForOrganization, ForSession, ForTask
from commands.fields import Attachments, Name, Reference, Text


class CreateUser(Creating, frozen=True, kw_only=True):
    name: Name
    user_id: str | None = None


class CreateToken(Command, frozen=True, kw_only=True):
    user_id: Reference | None = None
    expires_at: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class RevokeToken(Command, frozen=True, kw_only=True):
    token_id: Reference


class SelectOrganization(ForOrganization, frozen=True, kw_only=True):
    pass


class SelectTask(ForTask, frozen=True, kw_only=True):
    pass


class SetUnread(ForSession, frozen=True, kw_only=True):
    unread: bool


class UpdateDraft(ForSession, frozen=True, kw_only=True):
    text: Text
    attachments: Attachments | None = ()


UserCommand: TypeAlias = (
    CreateUser
    | CreateToken
    | RevokeToken
    | SelectOrganization
    | SelectTask
    | SetUnread
    | UpdateDraft
)
