"""JSON-RPC 2.0 over a pair of pipes, one message a line: the client's end of a conversation with an agent.

Why not the protocol's own SDK: `docs/decisions/0007-own-json-rpc-for-agents.md` has the measurement.
It reads on while nobody keeps up, it makes a task and a validated model of every chunk, and its
import costs up to a second.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from workflows.sandbox import Input, Output

Message = dict[str, Any]
"""A JSON object as an agent sent it: its shape is the protocol's, and agents add to it."""

LINE_BYTES = 16 << 20
"""A longer line is no message of the protocol; it is read to its end and left out."""
LEFT_OUT = f"[a line of more than {LINE_BYTES >> 20} MB was left out]"

AT_A_STRETCH = 50
"""After this many messages others have their turn."""

WRITE_SECONDS = 60.0
"""An agent that has read nothing for this long is not going to."""

METHOD_NOT_FOUND = -32601


class Disconnected(Exception):
    """The other side is gone, or takes nothing any more: no answer will come."""


class RemoteError(Exception):
    """The other side answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Listener(Protocol):
    """Told of all that comes, in the order of the wire; nothing more is read until it returns."""

    async def message(self, message: Message) -> None:
        """A request or notification of the other side."""

    async def noise(self, line: str) -> None:
        """A line that is no message: something was printed into the conversation."""


class Connection:
    """`run` reads until the other side ends; `request` and `notify` may be used meanwhile."""

    def __init__(self, reader: Output, writer: Input, listener: Listener) -> None:
        self._reader = reader
        self._writer = writer
        self._listener = listener
        self._calls: dict[int, asyncio.Future[object]] = {}
        self._last_id = 0
        self._ended = False

    async def run(self) -> None:
        """Read and hand on. What came before an answer has been listened to when the answer is known."""
        count = 0
        async for line in _lines(self._reader):
            count += 1
            if count % AT_A_STRETCH == 0:
                # A listener that never has to wait would keep the loop from everybody else.
                await asyncio.sleep(0)
            if line is None:
                await self._listener.noise(LEFT_OUT)
            elif (message := _decoded(line)) is None:
                await self._listener.noise(line.decode("utf-8", "replace"))
            elif "method" in message:
                await self._listener.message(message)
            else:
                self._settle(message)

    def end(self) -> None:
        """Nothing comes any more: whoever waits for an answer gets `Disconnected`."""
        self._ended = True
        for call in self._calls.values():
            if not call.done():
                call.set_exception(Disconnected())

    async def request(self, method: str, params: object, *, deadline: float | None) -> object:
        """The result. Raises `RemoteError`, `Disconnected`, and `TimeoutError` after `deadline` seconds."""
        self._last_id += 1
        call_id = self._last_id
        call = self._calls[call_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline):
                await self._send({"id": call_id, "method": method, "params": params})
                return await call
        finally:
            del self._calls[call_id]
            call.cancel()

    async def notify(self, method: str, params: object) -> None:
        """Send what has no answer."""
        await self._send({"method": method, "params": params})

    async def answer(self, request: Message, result: object) -> None:
        """Answer a request of the other side."""
        await self._send({"id": request["id"], "result": result})

    async def refuse(self, request: Message) -> None:
        """Tell the other side that it asks for something nobody here does."""
        error = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        await self._send({"id": request["id"], "error": error})

    async def _send(self, message: dict[str, object]) -> None:
        if self._ended:
            raise Disconnected
        try:
            self._writer.write(msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n")
            async with asyncio.timeout(WRITE_SECONDS):
                await self._writer.drain()
        except (OSError, RuntimeError, TimeoutError):
            # RuntimeError is uvloop's word for a pipe whose other end has gone already.
            raise Disconnected from None

    def _settle(self, message: Message) -> None:
        # True equals 1, and is nobody's number.
        call = self._calls.get(message["id"]) if type(message.get("id")) is int else None
        if call is None or call.done():
            return
        error = message.get("error")
        if error is None:
            call.set_result(message.get("result"))
        elif isinstance(error, dict):
            call.set_exception(RemoteError(_number(error.get("code")), _reason_of(error)))
        else:
            call.set_exception(RemoteError(0, str(error)))


async def _lines(reader: Output) -> AsyncIterator[bytes | None]:
    """Lines that are not blank; None for one longer than `LINE_BYTES`, so that no agent can fill the memory."""
    parts: list[bytes] = []
    size = 0
    while chunk := await reader.read(256 << 10):
        first, *more = chunk.split(b"\n")
        size += len(first)
        if size <= LINE_BYTES:
            parts.append(first)
        for following in more:
            if (line := _joined(parts, size)) != b"":
                yield line
            parts, size = [following], len(following)
    if (line := _joined(parts, size)) != b"":
        yield line


def _joined(parts: Sequence[bytes], size: int) -> bytes | None:
    return b"".join(parts).strip() if size <= LINE_BYTES else None


def _decoded(line: bytes) -> Message | None:
    try:
        message = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = _mended(line)
    return message if isinstance(message, dict) else None


def _mended(line: bytes) -> object:
    """A message with half a surrogate pair, or with bytes that are no text, read all the same: many programs print such."""
    with suppress(ValueError, RecursionError):
        message = json.loads(line.decode("utf-8", "replace"))
        text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.decode(text)
    return None


def _reason_of(error: Message) -> str:
    """What went wrong: many agents say "Internal error", and in the error's data what that was."""
    message, data = str(error.get("message", "")), error.get("data")
    if isinstance(data, dict):
        data = next((data[name] for name in ("message", "details") if name in data), None)
    return f"{message}: {data}" if isinstance(data, str) and data not in message else message


def _number(code: object) -> int:
    return code if isinstance(code, int) else 0
