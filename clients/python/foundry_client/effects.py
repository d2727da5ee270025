"""What is to be done about what happened: the effects of the step function, in their order (clients/README.md)."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from foundry_client.happenings import View

Status = Literal[
    "idle", "connecting", "catching_up", "live", "stale", "reconnecting", "needs_auth", "closed"
]


class Touched(Struct, frozen=True):
    op: str
    entity: str
    id: str


class Why(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a view was told; the ledger is made of these. `version` is None when there is no view any more."""

    at: int
    topic: str
    cause: str
    version: int | None
    event: str | None = None
    position: int | None = None
    command_id: str | None = None
    actor: str | None = None
    entities: tuple[Touched, ...] | None = None
    entity_count: int | None = None


class _Effect(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class Open(_Effect, frozen=True, kw_only=True, tag="open"):
    """Open a stream with what is held of each topic."""

    connection: int
    topics: dict[str, str | None]
    cursor: str | None


class Dispose(_Effect, frozen=True, kw_only=True, tag="dispose"):
    """Leave a stream, or stop opening it."""

    connection: int


class Interest(_Effect, frozen=True, kw_only=True, tag="interest"):
    """Change what an open stream carries."""

    connection: int
    sid: str
    revision: int
    add: dict[str, str | None]
    remove: list[str]


class ReadView(_Effect, frozen=True, kw_only=True, tag="read"):
    topic: str
    etag: str | None
    at_least: int | None
    cause: str


class SetTimer(_Effect, frozen=True, kw_only=True, tag="set_timer"):
    """A timer of the same name that still runs is replaced."""

    name: str
    ms: int


class CancelTimer(_Effect, frozen=True, kw_only=True, tag="cancel_timer"):
    name: str


class Tell(_Effect, frozen=True, kw_only=True, tag="tell", omit_defaults=True):
    """Tell the listeners of a topic; `newest`: only the one that came last."""

    topic: str
    view: View | None
    why: Why
    newest: bool = False


class Enter(_Effect, frozen=True, kw_only=True, tag="state"):
    state: Status


class Trouble(_Effect, frozen=True, kw_only=True, tag="problem"):
    """The server refuses something that will not mend itself."""

    status: int
    code: str
    detail: str


class Log(_Effect, frozen=True, kw_only=True, tag="log"):
    """A line for those who watch the machinery."""

    event: str
    fields: dict[str, Any] = {}


Effect: TypeAlias = (
    Open | Dispose | Interest | ReadView | SetTimer | CancelTimer | Tell | Enter | Trouble | Log
)
