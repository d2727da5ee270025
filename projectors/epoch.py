"""The epoch of a projection: the identity of the code and schema its rows were made with, and of the log they are of.

`<code>[-<n>][-<mark>]`: `n` counts the repairs of a node's file, `mark` is that of the log's last
cut. Comments, docstrings and layout of the code do not count, so that a node with other remarks in
its code serves the same rows under the same name.
"""

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from projectors.projection import Projection

FOLDED_WITH = ("projectors", "events")
"""Packages whose modules decide what the rows look like, when a projection imports them."""

ALWAYS = ("events.codec", "events.upcasters", "projectors.file", "projectors.projector")
"""How commits are read, folded and written, whatever the projection makes of them."""

_MARK = re.compile(r".*-([a-z]+)")

_LAYOUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING})
_STATEMENT_ENDS = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})


def epoch_of(projection: Projection, schema: str) -> str:
    """Ten hex digits: the same for the same code on every node and after every start."""
    return digest_of(schema, projection.module, *ALWAYS).hex()[:10]


def digest_of(schema: str, *modules: str) -> bytes:
    """A hash of a schema and of what modules do that fill it, with all of `FOLDED_WITH` that they import."""
    digest = hashlib.sha256(schema.encode())
    for module in sorted(_reachable(modules)):
        digest.update(_module_digest(module))
    return digest.digest()


def after_cuts(epoch: str, cuts: Sequence[str]) -> str:
    """The epoch of a file that has folded these cuts of the log."""
    return f"{epoch}-{cuts[-1]}" if cuts else epoch


def mark_of(epoch: str) -> str | None:
    """The mark of the last cut that an epoch is after; None when there was none."""
    found = _MARK.fullmatch(epoch)
    return found[1] if found else None


def code_digest(source: str) -> bytes:
    """A hash of what a module does."""
    digest = hashlib.sha256()
    for kind, text in _code(source):
        digest.update(f"{kind} {len(text)} {text}\n".encode())
    return digest.digest()


def _code(source: str) -> Iterator[tuple[str, str]]:
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _LAYOUT
    ]
    before, in_docstring = tokenize.NEWLINE, False
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        ends_docstring = in_docstring and token.type == tokenize.NEWLINE
        in_docstring = (
            token.type == tokenize.STRING
            and before in _STATEMENT_ENDS
            and after is not None
            and after.type == tokenize.NEWLINE
        )
        if not (in_docstring or ends_docstring):
            # How deep an indentation is written does not matter, only that there is one.
            text = "" if token.type in _STATEMENT_ENDS else token.string
            yield tokenize.tok_name[token.type], text
        before = token.type


def _reachable(roots: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return found


@cache
def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text()


@cache
def _module_digest(module: str) -> bytes:
    return code_digest(_source(module))


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        # A name in a module that is no package.
        return False


@cache
def _imports(module: str) -> tuple[str, ...]:
    named: list[str] = []
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from events import codec` names a module, `from events.codec import decode` what is in it.
            named += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in named if name.split(".")[0] in FOLDED_WITH and _is_module(name))
