"""The sessions of each person's `app`: those they began, wrote to, marked, or have a draft for."""

from msgspec.structs import replace

from events.agent_session import AgentSessionClosed, AgentSessionCreated, MessageQueued, TurnEnded
from events.fact import Attachment
from events.ids import OrganizationId, SessionId, TaskId, Timestamp, UserId
from events.organization import MemberRemoved
from events.task import TaskArchived, TaskCreated, TaskEvent, TaskKilled
from events.user import DraftUpdated, SessionUnreadSet
from projectors.app_organizations import App, Organization, change_organization, count_unread
from projectors.rows import Row, Rows


class Draft(Row, frozen=True, kw_only=True):
    text: str
    attachments: tuple[Attachment, ...]
    updated_at: Timestamp


class OwnSession(Row, frozen=True, kw_only=True):
    id: SessionId
    task_id: TaskId
    organization_id: OrganizationId
    unread: bool = False
    draft: Draft | None = None


class KnownTask(Row, frozen=True, kw_only=True):
    """Hidden: `over` once it is archived or killed and counts no more."""

    over: bool = False
    sessions: tuple[SessionId, ...] = ()


class KnownSession(Row, frozen=True, kw_only=True):
    """Hidden: whose session it is, who takes part, and whether it ended, by itself or with its task."""

    task_id: TaskId
    organization_id: OrganizationId
    people: tuple[UserId, ...] = ()
    over: bool = False


def project_task(rows: Rows, event: TaskEvent, actor: UserId) -> None:
    """Show an event of a task. `actor` is who caused it: a person, or a worker, which has no `app`."""
    match event:
        case TaskCreated(task_id=task_id, organization_id=organization_id):
            rows.put(f"task/{task_id}", "_task", task_id, KnownTask())
            change_organization(
                rows,
                organization_id,
                lambda shared: replace(shared, task_count=shared.task_count + 1),
            )
        case TaskArchived() | TaskKilled():
            _end_task(rows, event)
        case AgentSessionCreated():
            _begin_session(rows, event)
            _take_part(rows, actor, event.session_id, event.task_id)
        case AgentSessionClosed(session_id=session_id, task_id=task_id):
            _end_session(rows, session_id, task_id)
        case MessageQueued(session_id=session_id, task_id=task_id):
            own = _take_part(rows, actor, session_id, task_id)
            if own is not None:
                _put(rows, actor, replace(own, draft=None))
        case TurnEnded():
            _mark_unread(rows, event)
        case _:
            # The rest of a task's life does not show in anybody's `app`.
            pass


def set_unread(rows: Rows, event: SessionUnreadSet) -> None:
    own = _take_part(rows, event.user_id, event.session_id, event.task_id)
    if own is not None:
        _put(rows, event.user_id, replace(own, unread=event.unread))


def set_draft(rows: Rows, event: DraftUpdated, at: Timestamp) -> None:
    own = _take_part(rows, event.user_id, event.session_id, event.task_id)
    if own is not None:
        draft = Draft(text=event.text, attachments=event.attachments, updated_at=at)
        empty = not event.text and not event.attachments
        _put(rows, event.user_id, replace(own, draft=None if empty else draft))


def leave(rows: Rows, event: MemberRemoved) -> None:
    """The sessions of an organization go with the member; coming back starts anew."""
    topic = f"app/{event.user_id}"
    for id in rows.ids(topic, "session"):
        own = rows.get(topic, "session", id, OwnSession)
        if own is not None and own.organization_id == event.organization_id:
            rows.remove(topic, "session", id)


def _begin_session(rows: Rows, event: AgentSessionCreated) -> None:
    id = event.session_id
    # The first task that named a session keeps it, whatever another task calls its own.
    if rows.get(f"session/{id}", "_session", id, KnownSession) is not None:
        return
    known = KnownSession(task_id=event.task_id, organization_id=event.organization_id)
    rows.put(f"session/{id}", "_session", id, known)
    task = rows.get(f"task/{event.task_id}", "_task", event.task_id, KnownTask)
    if task is not None:
        task = replace(task, sessions=(*task.sessions, id))
        rows.put(f"task/{event.task_id}", "_task", event.task_id, task)


def _take_part(rows: Rows, user: UserId, id: SessionId, task_id: TaskId) -> OwnSession | None:
    """The user's row of a session, made if there is none yet; None for somebody without an `app` or a stranger."""
    known = rows.get(f"session/{id}", "_session", id, KnownSession)
    # A draft or a mark may be decided on while the session ends: it does not come back for that.
    if known is None or known.task_id != task_id or known.over:
        return None
    topic = f"app/{user}"
    own = rows.get(topic, "session", id, OwnSession)
    if own is not None:
        return own
    is_member = rows.get(topic, "organization", known.organization_id, Organization) is not None
    if not is_member or rows.get(topic, "self", user, App) is None:
        return None
    if user not in known.people:
        known = replace(known, people=(*known.people, user))
        rows.put(f"session/{id}", "_session", id, known)
    own = OwnSession(id=id, task_id=task_id, organization_id=known.organization_id)
    _put(rows, user, own)
    return own


def _put(rows: Rows, user: UserId, own: OwnSession) -> None:
    before = rows.get(f"app/{user}", "session", own.id, OwnSession)
    was_unread = before is not None and before.unread
    rows.put(f"app/{user}", "session", own.id, own)
    if own.unread != was_unread:
        count_unread(rows, user, own.organization_id, 1 if own.unread else -1)


def _mark_unread(rows: Rows, event: TurnEnded) -> None:
    known = rows.get(f"session/{event.session_id}", "_session", event.session_id, KnownSession)
    if known is None or known.task_id != event.task_id:
        return
    for user in known.people:
        own = rows.get(f"app/{user}", "session", event.session_id, OwnSession)
        seen = rows.get(f"app/{user}", "organization", known.organization_id, Organization)
        if own is not None and seen is not None and seen.selected_task_id != event.task_id:
            _put(rows, user, replace(own, unread=True))


def _end_task(rows: Rows, event: TaskArchived | TaskKilled) -> None:
    task = rows.get(f"task/{event.task_id}", "_task", event.task_id, KnownTask)
    if task is None or task.over:
        return
    rows.put(f"task/{event.task_id}", "_task", event.task_id, replace(task, over=True))
    change_organization(
        rows,
        event.organization_id,
        lambda shared: replace(shared, task_count=shared.task_count - 1),
    )
    for session_id in task.sessions:
        _end_session(rows, session_id, event.task_id)


def _end_session(rows: Rows, id: SessionId, task_id: TaskId) -> None:
    """Nothing more will come of it: it leaves everybody's list, read or not."""
    known = rows.get(f"session/{id}", "_session", id, KnownSession)
    if known is None or known.task_id != task_id:
        return
    rows.put(f"session/{id}", "_session", id, replace(known, over=True))
    for user in known.people:
        own = rows.get(f"app/{user}", "session", id, OwnSession)
        if own is not None:
            _put(rows, user, replace(own, unread=False))
            rows.remove(f"app/{user}", "session", id)
