"""compose.yaml as data. Reads the part of YAML that file is written in, and refuses everything else."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

_ENTRY = re.compile(r"(?P<key>[A-Za-z0-9_.<-]+):(?: &(?P<anchor>[\w-]+))?(?: (?P<value>.+))?")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")

Line = tuple[int, str]
Compose = dict[str, Any]


def read_compose() -> Compose:
    """The file, anchors and merges resolved, variables left as they are written."""
    lines = [
        (len(line) - len(line.lstrip()), line.strip())
        for line in (ROOT / "compose.yaml").read_text().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    reader = _Reader(lines)
    found = reader.block(0)
    assert reader.is_at_end, reader.rest
    assert isinstance(found, dict)
    return found


def with_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """The same data as compose would see it. Raises `KeyError` for a variable that must be set and is not."""
    if isinstance(value, dict):
        return {key: with_variables(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [with_variables(one, variables) for one in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _value_of(found, variables), value)


def variables_in(text: str) -> Iterator[tuple[str, str | None, str]]:
    """Name, `-` or `?` or None, and the word behind it, of each variable in a text."""
    for found in _VARIABLE.finditer(text):
        yield found["name"], found["kind"], found["word"] or ""


def _value_of(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if given := variables.get(found["name"]):
        return given
    if found["kind"] == "-":
        return found["word"]
    raise KeyError(found["name"])


class _Reader:
    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._next = 0
        self._anchors: dict[str, Any] = {}

    @property
    def is_at_end(self) -> bool:
        return self._next == len(self._lines)

    @property
    def rest(self) -> str:
        return self._lines[self._next][1]

    def block(self, indent: int) -> Any:
        """A mapping or a list of scalars, all of whose lines stand at `indent`."""
        if self.rest.startswith("- "):
            return [_scalar(text.removeprefix("- ")) for text in self._at(indent)]
        mapping: dict[str, Any] = {}
        for text in self._at(indent):
            entry = _ENTRY.fullmatch(text)
            assert entry is not None, text
            value = self._value(entry["value"], indent)
            if entry["anchor"]:
                self._anchors[entry["anchor"]] = value
            if entry["key"] == "<<":
                mapping = {**value, **mapping}
            else:
                mapping[entry["key"]] = value
        return mapping

    def _at(self, indent: int) -> Iterator[str]:
        while not self.is_at_end and self._lines[self._next][0] == indent:
            self._next += 1
            yield self._lines[self._next - 1][1]
        assert self.is_at_end or self._lines[self._next][0] < indent, self.rest

    def _value(self, text: str | None, indent: int) -> Any:
        if text is None:
            assert self._lines[self._next][0] > indent, self.rest
            return self.block(self._lines[self._next][0])
        return self._anchors[text[1:]] if text.startswith("*") else _scalar(text)


def _scalar(text: str) -> Any:
    if text.startswith(('"', "[", "{")):
        return json.loads(text)
    if text.startswith("'"):
        return text[1:-1]
    assert " #" not in text, text
    return {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)
