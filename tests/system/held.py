"""One topic as a client holds it: a snapshot, and the changes that were applied to it since."""

import copy
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

LISTS = {
    "repository": "repositories",
    "branch": "branches",
    "sandbox": "sandboxes",
    "process": "processes",
    "entry": "entries",
    "tree": "tree",
}
"""Lists whose name is not their entity's with an s."""


class Held:
    def __init__(self, epoch: str, version: int, data: Any) -> None:
        self.epoch = epoch
        self.version = version
        self.data = copy.deepcopy(data)
        for elements in self._lists().values():
            keys = [_key(element) for element in elements]
            assert keys == sorted(set(keys)), "a list is ordered by id, each id once"

    @property
    def tag(self) -> str:
        return f"{self.epoch}.{self.version}"

    def apply(self, changes: Sequence[Any], version: int, *, conflated: bool = False) -> None:
        """All changes of one commit, or of several that a slow reader gets as one."""
        assert changes, "a change that changes nothing"
        for change in changes:
            self._apply(change, conflated=conflated)
        self.version = version

    def _apply(self, change: Any, *, conflated: bool) -> None:
        if change["entity"] == "self":
            assert change["op"] == "put"
            assert change["id"] == change["value"].get("id", change["id"])
            assert change["value"].keys() == self.data.keys() - self._lists().keys()
            self.data.update(change["value"])
            return
        elements = self.data[LISTS.get(change["entity"], change["entity"] + "s")]
        key = change["value"] if change["op"] == "put" else {"id": change["id"]}
        place = bisect_left(elements, _key(key), key=_key)
        is_there = place < len(elements) and elements[place]["id"] == change["id"]
        if change["op"] == "put":
            assert change["value"]["id"] == change["id"]
            elements[place : place + is_there] = [change["value"]]
        else:
            assert change["op"] == "remove"
            # What came and went between two conflated commits was never held.
            assert is_there or conflated, change
            del elements[place : place + is_there]

    def _lists(self) -> dict[str, Any]:
        # An element is an object with an id; `args` of a process are plain text.
        return {name: value for name, value in self.data.items() if isinstance(value, list)}


def _key(element: Any) -> tuple[int, str]:
    """Entries are ordered by index, all else by id."""
    identity: str = element["id"]
    return (int(identity), "") if identity.isdigit() else (0, identity)
