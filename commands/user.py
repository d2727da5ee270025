"""A person: who they are, how they prove it, and what they have open (their own view state)."""

import hashlib
from typing import assert_never

import msgspec
from msgspec.structs import replace

from commands.context import Context
from commands.decider import ABSENT, Absent, Decider, Origin
from commands.fields import attachments_of
from commands.organization_state import Organization
from commands.refusals import chosen_id, no_such, session_closed, taken, task_over, wrong
from commands.task_state import Session, Task
from commands.user_commands import (
    CreateToken,
    CreateUser,
    RevokeToken,
    SelectOrganization,
    SelectTask,
    SetUnread,
    UpdateDraft,
    UserCommand,
)
from commands.user_state import Choice, Credential, Draft, UnreadMark, User, UserState
from events.commit import Event
from events.fact import Attachment
from events.ids import BEGINNING, Position, SessionId, Timestamp, TokenId, UserId
from events.user import (
    AppSessionEnded,
    AppSessionStarted,
    DraftUpdated,
    OrganizationSelected,
    SessionUnreadSet,
    TaskSelected,
    TokenCreated,
    TokenRevoked,
    UserCreated,
)
from runtime.errors import Rejected

# --- State ---


def evolve(state: UserState, event: Event, origin: Origin) -> UserState:
    match state, event:
        case Absent(), UserCreated():
            return User(user_id=event.user_id, name=event.name)
        case User(), _:
            return _evolve_user(state, event, origin)
        case _:
            return state


def _evolve_user(user: User, event: Event, origin: Origin) -> User:
    match event:
        case TokenCreated():
            token = Credential(hash=event.hash, expires_at=event.expires_at)
            return replace(user, tokens={**user.tokens, event.token_id: token})
        case TokenRevoked() if event.token_id in user.tokens:
            revoked = replace(user.tokens[event.token_id], revoked=True)
            left = {k: v for k, v in user.app_sessions.items() if v.token_id != event.token_id}
            tokens = {**user.tokens, event.token_id: revoked}
            return replace(user, tokens=tokens, app_sessions=left)
        case AppSessionStarted():
            cookie = Credential(
                hash=event.hash, expires_at=event.expires_at, token_id=event.token_id
            )
            return user.signed_in(event.app_session_id, cookie, origin.at)
        case AppSessionEnded():
            left = {k: v for k, v in user.app_sessions.items() if k != event.app_session_id}
            return replace(user, app_sessions=left)
        case OrganizationSelected():
            active = Choice(id=event.organization_id, position=origin.position)
            return replace(user, active_organization=active)
        case TaskSelected():
            task = Choice(id=event.task_id, position=origin.position)
            return replace(user, selected={**user.selected, event.organization_id: task})
        case SessionUnreadSet():
            mark = UnreadMark(unread=event.unread, position=origin.position)
            return replace(user, unread={**user.unread, event.session_id: mark})
        case DraftUpdated():
            digest = draft_digest(event.text, event.attachments)
            draft = Draft(digest=digest, position=origin.position)
            return replace(user, drafts={**user.drafts, event.session_id: draft})
        case _:
            return user


def draft_digest(text: str, attachments: tuple[Attachment, ...]) -> bytes:
    """A digest of a draft's content, by which two drafts are compared."""
    return hashlib.blake2b(msgspec.json.encode((text, attachments)), digest_size=16).digest()


EMPTY_DRAFT = draft_digest("", ())

# --- Rules ---


def _create_user(state: UserState, command: CreateUser, context: Context) -> list[Event]:
    user_id = UserId(chosen_id(command.user_id, context.id("usr"), prefix="usr"))
    match state:
        case Absent():
            return [UserCreated(user_id=user_id, name=command.name)]
        case User():
            raise taken("user", user_id)
        case _:
            assert_never(state)


def _create_token(user: User, command: CreateToken, context: Context) -> list[Event]:
    if command.expires_at is not None and command.expires_at <= context.now:
        raise wrong("/expires_at", "expires_at is past already.")
    token_id = TokenId(context.id("tok"))
    if token_id in user.tokens:
        return []
    expires_at = None if command.expires_at is None else Timestamp(command.expires_at)
    return [
        TokenCreated(
            user_id=user.user_id,
            token_id=token_id,
            hash=context.secret_hash,
            expires_at=expires_at,
        )
    ]


def _revoke_token(user: User, command: RevokeToken) -> list[Event]:
    token_id = TokenId(command.token_id)
    token = user.tokens.get(token_id)
    if token is None:
        raise no_such("token")
    return [] if token.revoked else [TokenRevoked(user_id=user.user_id, token_id=token_id)]


def _select_organization(user: User, context: Context) -> list[Event]:
    organization = _organization(context)
    if _chosen(user.active_organization, organization.organization_id, user, organization):
        return []
    return [
        OrganizationSelected(user_id=user.user_id, organization_id=organization.organization_id)
    ]


def _select_task(user: User, task: Task, organization: Organization) -> list[Event]:
    choice = user.selected.get(task.organization_id)
    if _chosen(choice, task.task_id, user, organization):
        return []
    return [
        TaskSelected(
            user_id=user.user_id, organization_id=task.organization_id, task_id=task.task_id
        )
    ]


def _chosen(choice: Choice | None, id: str, user: User, organization: Organization) -> bool:
    """Whether somebody has this selected. What was selected as a member before is not any more."""
    return (
        choice is not None
        and choice.id == id
        and choice.position > organization.joined_position(user.user_id)
    )


def _set_unread(
    user: User, command: SetUnread, task: Task, organization: Organization
) -> list[Event]:
    session = _session(task, command.session_id)
    if (ended := _ended(task, session)) is not None:
        if command.unread:
            raise ended
        return []
    mark = user.unread.get(session.id)
    joined = organization.joined_position(user.user_id)
    # A turn's end marks a session unread by itself, so a mark counts only while nothing is newer.
    if mark is None or mark.position < joined:
        already = False if session.turn_position <= joined else None
    else:
        already = mark.unread if mark.position > _touched(session, user) else None
    if already == command.unread:
        return []
    return [
        SessionUnreadSet(
            user_id=user.user_id,
            organization_id=task.organization_id,
            task_id=task.task_id,
            session_id=session.id,
            unread=command.unread,
        )
    ]


def _update_draft(user: User, command: UpdateDraft, context: Context) -> list[Event]:
    task, organization = _task(context), _organization(context)
    session = _session(task, command.session_id)
    if context.superseded:
        return []
    attachments = attachments_of(command.attachments)
    if (ended := _ended(task, session)) is not None:
        if command.text or attachments:
            raise ended
        return []
    draft = user.drafts.get(session.id)
    # Sending clears the draft, and so does leaving: an older one is not there any more.
    cleared_position = max(
        session.sent.get(user.user_id, BEGINNING), organization.joined_position(user.user_id)
    )
    cleared = draft is None or draft.position < cleared_position
    held = EMPTY_DRAFT if draft is None or cleared else draft.digest
    if draft_digest(command.text, attachments) == held:
        return []
    return [
        DraftUpdated(
            user_id=user.user_id,
            organization_id=task.organization_id,
            task_id=task.task_id,
            session_id=session.id,
            text=command.text,
            attachments=attachments,
        )
    ]


def _session(task: Task, session_id: str) -> Session:
    session = task.sessions.get(SessionId(session_id))
    if session is None:
        raise no_such("session")
    return session


def _ended(task: Task, session: Session) -> Rejected | None:
    """Why nobody has anything in the session any more: it is in nobody's `app`."""
    if task.status in ("archived", "killed"):
        return task_over()
    return session_closed() if session.status == "closed" else None


def _touched(session: Session, user: User) -> Position:
    return max(session.turn_position, session.sent.get(user.user_id, BEGINNING))


# --- Decider ---


def decide(state: UserState, command: UserCommand, context: Context) -> list[Event]:
    if isinstance(command, CreateUser):
        return _create_user(state, command, context)
    if isinstance(state, Absent):
        raise no_such("user")
    match command:
        case CreateToken():
            return _create_token(state, command, context)
        case RevokeToken():
            return _revoke_token(state, command)
        case SelectOrganization():
            return _select_organization(state, context)
        case SelectTask():
            return _select_task(state, _task(context), _organization(context))
        case SetUnread():
            return _set_unread(state, command, _task(context), _organization(context))
        case UpdateDraft():
            return _update_draft(state, command, context)
        case _:
            assert_never(command)


def _organization(context: Context) -> Organization:
    assert context.organization is not None, "the handler reads the organization of such a command"
    return context.organization


def _task(context: Context) -> Task:
    assert context.task is not None, "the handler reads the task of a command about it"
    return context.task


USER: Decider[UserState, UserCommand] = Decider(
    name="user", initial=ABSENT, shape=User, evolve=evolve, decide=decide
)
