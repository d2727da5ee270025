"""The log as the server has it, read past everything of ours: plain nats-py, plain JSON."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

PAGE = 500
WITHIN = 30.0


class Message(NamedTuple):
    """`commit` is the body as JSON says it, decoded by nothing that knows its meaning."""

    position: int
    subject: str
    message_id: str
    body: bytes
    commit: Any


class BrokenLog(Exception):
    """The positions are not 1, 2, 3, …: something that was stored is not there any more."""


async def read_log(urls: Sequence[str]) -> Sequence[Message]:
    """Every message of the stream, oldest first. Raises `BrokenLog`."""
    client = await nats.connect(list(urls))
    try:
        stream = client.jetstream(timeout=WITHIN)
        try:
            state = (await stream.stream_info("EVENTS")).state
        except NotFoundError:
            raise BrokenLog("there is no stream EVENTS") from None
        if state.first_seq > 1 or state.messages != state.last_seq:
            raise BrokenLog(f"{state.messages} messages from {state.first_seq} to {state.last_seq}")
        pull = await stream.pull_subscribe(
            "evt.>",
            stream="EVENTS",
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True
            ),
        )
        messages: list[Message] = []
        while len(messages) < state.last_seq:
            wanted = min(PAGE, state.last_seq - len(messages))
            for one in await pull.fetch(wanted, timeout=WITHIN):
                position = one.metadata.sequence.stream
                if position != len(messages) + 1:
                    raise BrokenLog(f"{position} came after {len(messages)}")
                message_id = (one.headers or {}).get("Nats-Msg-Id", "")
                messages.append(
                    Message(position, one.subject, message_id, one.data, json.loads(one.data))
                )
        return messages
    finally:
        await client.close()
