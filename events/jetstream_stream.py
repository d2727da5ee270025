"""The stream EVENTS: made once with the settings the log needs, compared with them at every start."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from events.jetstream_api import (
    NANOSECONDS,
    NO_CLUSTER,
    NO_SUITABLE_PEERS,
    STREAM_NAME_IN_USE,
    STREAM_NOT_FOUND,
    ApiError,
    JetStreamApi,
)
from events.store import MAX_COMMIT_BYTES, SUBJECTS
from runtime.errors import Unavailable

log = logging.getLogger(__name__)

UNLIMITED = -1
ENVELOPE_BYTES = 4096
"""Room for subject and headers around the largest commit."""

HEARSAY_SECONDS = 5.0
PEERS_SECONDS = 15.0


class UnfitStream(Exception):
    """The stream exists with settings under which events could be lost, or could not be read; the text says which."""


class StreamConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The settings that matter to us, with the server's own defaults. Times in nanoseconds.

    `deny_purge` protects the log from one mistyped command, for ever: the server never lets it be
    taken off. Deletion of a single message stays possible, so that an operator can take out a
    secret somebody pasted; readers step over the hole with a warning.
    """

    name: str
    subjects: tuple[str, ...] = ()
    retention: str = "limits"
    storage: str = "file"
    discard: str = "old"
    num_replicas: int = 1
    max_msgs: int = UNLIMITED
    max_bytes: int = UNLIMITED
    max_age: int = 0
    max_msgs_per_subject: int = UNLIMITED
    max_msg_size: int = UNLIMITED
    duplicate_window: int = 0
    allow_direct: bool = False
    allow_msg_ttl: bool = False
    allow_rollup_hdrs: bool = False
    deny_delete: bool = False
    deny_purge: bool = False
    no_ack: bool = False
    sealed: bool = False
    persist_mode: str = "default"
    mirror: msgspec.Raw | None = None
    sources: tuple[msgspec.Raw, ...] | None = None
    subject_transform: msgspec.Raw | None = None
    republish: msgspec.Raw | None = None


class StreamState(Struct, frozen=True):
    messages: int
    last_seq: int


class StreamInfo(Struct, frozen=True):
    """`created` tells one stream from another of the same name."""

    config: StreamConfig
    state: StreamState
    created: str = ""


def wanted(stream: str, *, replicas: int | None, duplicate_window: float) -> StreamConfig:
    """The log as we make it: in files, nothing ever thrown away, readable without a consumer."""
    return StreamConfig(
        name=stream,
        subjects=(SUBJECTS,),
        num_replicas=replicas or 1,
        duplicate_window=int(duplicate_window * NANOSECONDS),
        allow_direct=True,
        deny_purge=True,
    )


async def ensure_stream(
    api: JetStreamApi, *, replicas: int | None, duplicate_window: float, begin: bool
) -> StreamInfo:
    """The stream; if there is none it is made, or without `begin` `Unavailable` is raised.

    Raises `UnfitStream` for settings that are a danger to the log.

    Other differences are logged and left alone: they are the operator's. `replicas` None takes
    the number an existing stream has.
    """
    ours = wanted(api.stream, replicas=replicas, duplicate_window=duplicate_window)
    info = await (_made(api, ours) if begin else stream_info(api))
    if replicas is None:
        ours = msgspec.structs.replace(ours, num_replicas=info.config.num_replicas)
    for field, wish, found in differences(ours, info.config):
        log.warning(
            "stream has other settings than foundry gives it",
            extra={"stream": api.stream, "setting": field, "wanted": wish, "found": found},
        )
    if reasons := dangers(info.config):
        raise UnfitStream(
            f"The stream {api.stream} cannot hold the log: {'; '.join(reasons)}. Change it with "
            f"`nats stream edit {api.stream}`, or use another NATS account."
        )
    return info


async def stream_info(api: JetStreamApi) -> StreamInfo:
    """The stream as its leader knows it. Other servers of a cluster may hear of a new stream a moment later."""
    deadline = asyncio.get_running_loop().time() + HEARSAY_SECONDS
    while (info := await _existing(api)) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable(
                f"The stream {api.stream} is not there (any more): restore it from a backup, or start"
                " a node anew, which begins an empty one."
            )
        await asyncio.sleep(0.1)
    return info


def differences(ours: StreamConfig, found: StreamConfig) -> Sequence[tuple[str, object, object]]:
    """Setting, our value, the stream's value, for each that differs."""
    pairs = ((name, getattr(ours, name), getattr(found, name)) for name in ours.__struct_fields__)
    return [(name, wish, value) for name, wish, value in pairs if wish != value]


def dangers(config: StreamConfig) -> Sequence[str]:
    """Why this stream must not be used, in words for the operator; empty if it may."""
    limits = {
        "max_msgs": config.max_msgs,
        "max_bytes": config.max_bytes,
    }
    found = [
        f"{name} is {value} and old events would be thrown away (remove it, or set discard to new)"
        for name, value in limits.items()
        if value > 0 and config.discard != "new"
    ]
    room = config.max_msg_size
    # `discard: new` is not for this one: the oldest goes all the same, or with a setting more the newest is refused.
    each = config.max_msgs_per_subject
    checks = (
        (
            each > 0,
            f"max_msgs_per_subject is {each}, and a history that is longer would lose its beginning"
            " or take no commit (remove it, whatever discard is)",
        ),
        (config.max_age > 0, "max_age would throw away old events"),
        (config.retention != "limits", f"retention is {config.retention}, not limits"),
        (config.storage != "file", f"storage is {config.storage}, not file"),
        (config.persist_mode == "async", "persist_mode async acknowledges before it writes"),
        (config.no_ack, "no_ack gives no acknowledgements"),
        (config.sealed, "it is sealed"),
        (config.allow_rollup_hdrs, "allow_rollup_hdrs lets one message replace others"),
        (not config.allow_direct, "allow_direct is off, so histories cannot be loaded"),
        (config.subjects != (SUBJECTS,), f"subjects are {config.subjects}, not {SUBJECTS}"),
        (config.mirror is not None, "it is a mirror"),
        (bool(config.sources), "it takes messages from other streams"),
        (config.subject_transform is not None, "it renames subjects"),
        (0 < room < MAX_COMMIT_BYTES + ENVELOPE_BYTES, f"max_msg_size {room} is too small"),
    )
    return found + [reason for wrong, reason in checks if wrong]


async def _existing(api: JetStreamApi) -> StreamInfo | None:
    try:
        return await api.call(f"STREAM.INFO.{api.stream}", None, StreamInfo)
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND:
            return None
        raise


async def _made(api: JetStreamApi, ours: StreamConfig) -> StreamInfo:
    return await _existing(api) or await _create(api, ours)


async def _create(api: JetStreamApi, ours: StreamConfig) -> StreamInfo:
    deadline = asyncio.get_running_loop().time() + PEERS_SECONDS
    told = False
    while True:
        try:
            return await api.call(f"STREAM.CREATE.{api.stream}", ours, StreamInfo)
        except ApiError as error:
            # Another node was faster, with settings of its own.
            if error.err_code == STREAM_NAME_IN_USE:
                return await stream_info(api)
            waiting = error.err_code == NO_SUITABLE_PEERS
            if not waiting or asyncio.get_running_loop().time() > deadline:
                advice = (
                    "Start as many, or set FOUNDRY_NATS_REPLICAS to what there is."
                    if error.err_code in (NO_SUITABLE_PEERS, NO_CLUSTER)
                    else 'docs/operations.md says under "An account of an outside server" what it needs.'
                )
                raise UnfitStream(
                    f"nats-server does not make the stream {api.stream} on {ours.num_replicas} server(s): {error}."
                    f" {advice}"
                ) from error
            if not told:
                log.warning(
                    "the log waits for its servers",
                    extra={
                        "stream": api.stream,
                        "replicas": ours.num_replicas,
                        "reason": f"{error}",
                    },
                )
                told = True
        # The servers of a young cluster do not all know each other yet.
        await asyncio.sleep(0.2)
