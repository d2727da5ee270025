"""Changes what an open stream carries, on whichever node the stream is."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from msgspec import Struct

from gateway.connection import Connection
from gateway.holding import parse_held
from gateway.relay import Relay
from gateway.requests import InterestRequest
from runtime.errors import FoundryError, NotFound, Rejected
from runtime.identity import Caller
from runtime.problems import TooManyRequests


class _Relayed(Struct, frozen=True):
    """The caller was authenticated by the node that was asked."""

    sid: str
    user_id: str
    interest: InterestRequest


class _Answer(Struct, frozen=True, omit_defaults=True):
    """`revision` when it was taken; else the refusal, `not_found` for a stream this caller does not have."""

    revision: int | None = None
    code: str = "not_found"
    detail: str = ""


class InterestRouter:
    """Takes a change of interest to the stream it is about, which another node may carry.

    `node` is the name of this process among all that share the relay.
    """

    def __init__(self, node: str, streams: Mapping[str, Connection], relay: Relay | None) -> None:
        self._node = node
        self._streams = streams
        self._relay = relay

    async def interest(self, sid: str, caller: Caller, request: InterestRequest) -> int:
        """The revision now in force. Raises `NotFound` for a stream that is not the caller's, or gone.

        Raises `Rejected` for too many topics, and `TooManyRequests` for a reader that does not keep up.
        """
        node, _, secret = sid.rpartition(".")
        if node == self._node or self._relay is None or not _is_node(node) or not secret:
            return self._here(sid, caller.user_id, request)
        payload = msgspec.json.encode(_Relayed(sid, caller.user_id, request))
        reply = await self._relay.forward(node, payload)
        answer = msgspec.json.decode(reply, type=_Answer) if reply else _Answer()
        if answer.revision is not None:
            return answer.revision
        if answer.code == "not_found":
            raise _no_stream()
        if answer.code == TooManyRequests.default_code:
            raise TooManyRequests(answer.detail)
        raise Rejected(answer.detail, code=answer.code)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Inside, requests that reach other nodes are answered too."""
        if self._relay is None:
            yield
            return
        async with self._relay.serving(self._node, self._relayed):
            yield

    def _here(self, sid: str, user_id: str, request: InterestRequest) -> int:
        connection = self._streams.get(sid)
        if connection is None or connection.caller.user_id != user_id:
            raise _no_stream()
        add = {wire: parse_held(held) for wire, held in request.add.items()}
        return connection.interest(request.revision, add, request.remove)

    async def _relayed(self, payload: bytes) -> bytes:
        try:
            asked = msgspec.json.decode(payload, type=_Relayed)
            answer = _Answer(revision=self._here(asked.sid, asked.user_id, asked.interest))
        except msgspec.DecodeError:
            answer = _Answer()
        except FoundryError as error:
            answer = _Answer(code=error.code, detail=error.detail)
        return msgspec.json.encode(answer)


def _is_node(text: str) -> bool:
    return len(text) <= 128 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def _no_stream() -> NotFound:
    return NotFound("There is no such stream; open a new one.")
