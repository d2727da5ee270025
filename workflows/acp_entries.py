"""What an agent said in the protocol's words, as entries of a transcript; pure."""

from typing import Any

from events.ids import Timestamp
from events.transcript import Entry, Sender

KIND_LENGTH = 100
"""A kind is cut to this length. No word of the protocol is longer, but an agent may say anything."""

_BY_TOOLS = frozenset({"tool_call", "tool_call_update"})


def entry_of(message: dict[str, Any], at: Timestamp) -> Entry | None:
    """The entry for a request or notification of an agent; None for what belongs into no transcript.

    The kind is the protocol's own word. Text is text, everything else a payload as it came.
    """
    method, params = message.get("method"), message.get("params")
    if not isinstance(method, str) or not isinstance(params, dict):
        return None
    if method == "session/request_permission":
        return Entry(sender="agent", kind="request_permission", at=at, payload=_rest(params))
    if method != "session/update":
        return Entry(sender="system", kind=method[:KIND_LENGTH], at=at, payload=_rest(params))
    update = params.get("update")
    if not isinstance(update, dict):
        return None
    return _update(update, at)


def noise_entry(line: str, at: Timestamp) -> Entry:
    """A line an agent printed into the conversation that is none of the protocol's."""
    return Entry(sender="system", kind="stdout", at=at, text=line)


def notice_entry(text: str, at: Timestamp) -> Entry:
    """What a person should know about the agent though it goes on."""
    return Entry(sender="system", kind="notice", at=at, text=text)


def end_entries(exit_code: int | None, stderr: str, at: Timestamp) -> list[Entry]:
    """What is said when an agent has ended by itself: its last words, then how it ended."""
    how = "without an exit code" if exit_code is None else f"with exit code {exit_code}"
    ended = Entry(sender="system", kind="exit", at=at, text=f"The agent ended {how}.")
    if not stderr.strip():
        return [ended]
    return [Entry(sender="system", kind="stderr", at=at, text=stderr), ended]


def _update(update: dict[str, Any], at: Timestamp) -> Entry | None:
    kind = update.get("sessionUpdate")
    # What the person said stands in the transcript already.
    if not isinstance(kind, str) or kind == "user_message_chunk":
        return None
    kind = kind[:KIND_LENGTH]
    text = _text(update.get("content")) if kind.endswith("_chunk") else None
    meta = update.get("_meta")
    if text is not None and isinstance(meta, dict) and meta.get("stream") == "stderr":
        return Entry(sender="tool", kind="stderr", at=at, text=text)
    if text is not None:
        return Entry(sender="agent", kind=kind, at=at, text=text)
    sender: Sender = "tool" if kind in _BY_TOOLS else "agent"
    payload = {name: value for name, value in update.items() if name != "sessionUpdate"}
    return Entry(sender=sender, kind=kind, at=at, payload=payload)


def _text(content: object) -> str | None:
    if isinstance(content, dict) and content.get("type") == "text":
        text = content.get("text")
        return text if isinstance(text, str) else None
    return None


def _rest(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "sessionId"}
