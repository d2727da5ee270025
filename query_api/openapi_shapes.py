"""Shapes of what the other folders take and answer, for the OpenAPI document only."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Held = Annotated[
    str | None, Meta(description="`<epoch>.<version>` of what the client holds, null for nothing")
]
Version = Annotated[str, Meta(description="`<epoch>.<version>`")]


class FieldProblem(Struct, frozen=True):
    pointer: str
    detail: str


class Problem(Struct, frozen=True):
    """RFC 9457. `type` is `/problems/<code>` and can be read there; `detail` says what to do next, `errors` where."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem]


class CommandAnswer(Struct, frozen=True):
    """Durable when sent. `events` is empty when nothing changed; a `secret` that was made is shown once only."""

    command_id: str
    position: int
    events: list[str]
    ids: dict[str, str]
    secret: str | UnsetType = UNSET


class CommandLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a batch. Without `command_id` one is derived from the request's key and the line's number."""

    name: str
    data: dict[str, Any] = {}
    command_id: str | None = None


class CommandLineAnswer(Struct, frozen=True):
    """One line of the answer: the command's answer or a problem's members beside `line` and `status`."""

    line: int
    status: int
    command_id: str | None = None
    position: int | None = None
    events: list[str] | None = None
    ids: dict[str, str] | None = None
    code: str | None = None
    detail: str | None = None


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two: a token, or the one-time code of the start-up link."""

    token: str | None = None
    code: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


def _with(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


LoginBody = Annotated[Login, Meta(extra_json_schema={"oneOf": [_with("token"), _with("code")]})]
"""Exactly one of the two."""


class SignedInUser(Struct, frozen=True):
    id: str
    name: str


class SignedIn(Struct, frozen=True):
    user: SignedInUser


class StreamOpening(Struct, frozen=True, forbid_unknown_fields=True):
    """What the client wants to follow and what it holds of it; the cursor is only a hint."""

    topics: Annotated[dict[str, Held], Meta(min_length=1)]
    cursor: str | None = None


class Interest(Struct, frozen=True, forbid_unknown_fields=True):
    """A change to what an open stream carries. An older `revision` than one already seen is ignored."""

    revision: int
    add: dict[str, Held] = {}
    remove: list[str] = []


class InterestAnswer(Struct, frozen=True):
    revision: int


class Cause(Struct, frozen=True):
    """Why a frame was sent; a command's answer and its change carry the same `command_id` and `position`."""

    kind: Literal["bootstrap", "resume", "event", "gap", "conflated", "reset"]
    event: str | None = None
    position: int | None = None
    command_id: str | None = None
    actor: str | None = None
    at: int | None = None


class Operation(Struct, frozen=True):
    """`value` is the whole element as a snapshot would show it; absent for `remove`."""

    op: Literal["put", "remove"]
    entity: str
    id: str
    value: dict[str, Any] | None = None


class HelloFrame(Struct, frozen=True):
    sid: str
    node: str
    protocol: int
    heartbeat_ms: int


class SnapshotFrame(Struct, frozen=True):
    """Always replaces what the client holds of the topic."""

    topic: str
    epoch: str
    version: int
    cause: Cause
    data: dict[str, Any]


class ChangeFrame(Struct, frozen=True):
    """Applied if `epoch` and `base` are what the client holds; dropped if `version` is not newer."""

    topic: str
    epoch: str
    base: int
    version: int
    changes: list[Operation]
    cause: Cause


class ReadyFrame(Struct, frozen=True):
    """Everything asked for up to `revision` is now live."""

    revision: int
    topics: dict[str, Version]


class HeartbeatFrame(Struct, frozen=True):
    at: int
    position: int
    lag_ms: int


class TopicFrame(Struct, frozen=True):
    """The data of `forbidden` and `gone`."""

    topic: str


class DrainFrame(Struct, frozen=True):
    retry_ms: int
    deadline_ms: int


class ByeFrame(Struct, frozen=True):
    """The last event; `retry` tells whether to come back."""

    code: str
    detail: str
    retry: bool


class Health(Struct, frozen=True):
    """Alive. `durability` is `fsync`, `os`, `replicated(n)` or `unknown`. The node may add more."""

    version: str
    durability: str


FRAMES: Mapping[str, type[Struct]] = {
    "hello": HelloFrame,
    "snapshot": SnapshotFrame,
    "change": ChangeFrame,
    "ready": ReadyFrame,
    "heartbeat": HeartbeatFrame,
    "forbidden": TopicFrame,
    "gone": TopicFrame,
    "drain": DrainFrame,
    "bye": ByeFrame,
}
"""The events of a stream with their data."""
