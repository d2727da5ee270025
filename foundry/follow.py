"""Follow topics of a running server: a Server-Sent Events reader and the fold of docs/protocol.md, "Order", for the demo."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx

PLURALS = {
    "repository": "repositories",
    "branch": "branches",
    "sandbox": "sandboxes",
    "process": "processes",
    "entry": "entries",
    "tree": "tree",
}
"""List names that are not just the entity's name with an s."""


@dataclass(frozen=True)
class Frame:
    """One event of a stream."""

    event: str
    data: dict[str, Any]
    id: str | None


@dataclass
class Topics:
    """What a stream has told about each topic, kept as the views would show it now."""

    views: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fold(self, frame: Frame) -> None:
        """Take over a snapshot, or apply a change to what is held."""
        if frame.event == "snapshot":
            self.views[frame.data["topic"]] = frame.data["data"]
        elif frame.event == "change":
            view = self.views[frame.data["topic"]]
            for change in frame.data["changes"]:
                _apply(view, change)


def _apply(view: dict[str, Any], change: dict[str, Any]) -> None:
    if change["entity"] == "self":
        view.update(change["value"])
        return
    elements = view.setdefault(PLURALS.get(change["entity"], change["entity"] + "s"), [])
    elements[:] = [one for one in elements if one["id"] != change["id"]]
    if change["op"] == "put":
        elements.append(change["value"])


async def frames(client: httpx.AsyncClient, topics: Sequence[str]) -> AsyncIterator[Frame]:
    """The frames of one stream until it ends."""
    async with client.stream(
        "GET", "/v1/stream", params=[("topic", topic) for topic in topics], timeout=None
    ) as response:
        response.raise_for_status()
        async with aclosing(_lines(response)) as lines, aclosing(_frames(lines)) as each:
            async for frame in each:
                yield frame


async def _lines(response: httpx.Response) -> AsyncGenerator[str, None]:
    # aiter_lines would also cut at U+2028 inside the JSON; only \n ends our lines.
    pending = ""
    async for text in response.aiter_text():
        *lines, pending = (pending + text).split("\n")
        for line in lines:
            yield line


async def _frames(lines: AsyncIterator[str]) -> AsyncGenerator[Frame, None]:
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            event, data = fields.get("event", "message"), json.loads(fields["data"])
            yield Frame(event, data, fields.get("id"))
        fields.clear()
