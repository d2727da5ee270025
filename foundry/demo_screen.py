"""What `foundry demo` prints: one line per thing that happens, or JSON lines for machines."""

import json
from typing import Any

from foundry.follow import Frame

WIDTH = 18


class Screen:
    """Prints each fact once, in the order in which the stream told it."""

    def __init__(self, *, machine: bool) -> None:
        self._machine = machine
        self._stages: dict[str, str] = {}

    def say(self, what: str, **fields: Any) -> None:
        """One line: what it is about, and the fields that say more."""
        if self._machine:
            print(json.dumps({"what": what, **fields}), flush=True)
        else:
            told = "  ".join(f"{name} {value}" for name, value in fields.items())
            print(f"{what:>{WIDTH}}  {told}", flush=True)

    def quote(self, who: str, text: str) -> None:
        """Something of several lines, indented below its speaker."""
        if self._machine:
            print(json.dumps({"what": who, "text": text}), flush=True)
        else:
            indented = text.rstrip().replace("\n", "\n" + " " * (WIDTH + 2))
            print(f"{who:>{WIDTH}}  {indented}", flush=True)

    def show(self, frame: Frame) -> None:
        """What a snapshot or change tells of jobs, transcript and files."""
        version = frame.data["version"]
        for entity, value in _told(frame):
            if entity == "job":
                self._show_stages(value, version)
            elif entity == "entry" and value.get("text"):
                self.quote(value["sender"], value["text"])
            elif entity == "file":
                self.say("file", path=value["id"], added=value["added"], removed=value["removed"])

    def _show_stages(self, job: dict[str, Any], version: int) -> None:
        for stage in job["stages"]:
            before = self._stages.get(stage["id"])
            self._stages[stage["id"]] = stage["status"]
            if stage["status"] not in (before, "queued", "running"):
                took = stage["ended_at"] - stage["started_at"] if stage["ended_at"] else None
                fields = {"took": f"{took} ms"} if took is not None else {}
                if stage.get("message"):
                    fields["message"] = stage["message"]
                self.say(
                    job["kind"],
                    stage=stage["id"] if self._machine else f"{stage['id']:<20}",
                    status=stage["status"],
                    **fields,
                    position=version,
                )


def _told(frame: Frame) -> list[tuple[str, dict[str, Any]]]:
    """The elements a frame shows, each with the name of its entity."""
    if frame.event == "snapshot":
        view = frame.data["data"]
        lists = (("job", "jobs"), ("entry", "entries"), ("file", "files"))
        return [(entity, value) for entity, name in lists for value in view.get(name, ())]
    if frame.event == "change":
        return [
            (change["entity"], change["value"])
            for change in frame.data["changes"]
            if change["op"] == "put"
        ]
    return []
