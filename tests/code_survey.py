"""What the code itself names: routes, problem codes, words of the command line."""

import argparse
import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from msgspec import Struct

from events.fact import TaskFact
from events.job import JobFact

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "foundry",
    "workflows",
    "commands",
    "query_api",
    "gateway",
    "projectors",
    "events",
    "runtime",
)
HOUSE = set(
    chain.from_iterable(
        re.findall(r"`([\w.]+)/?`", row.split("|")[1])
        for row in (ROOT / "README.md").read_text().partition("## Where things are")[2].split("\n")
        if row.startswith("| `")
    )
)
"""What stands at the top of the repository, as README says it."""
ROUTE_MAKERS = {"Route", "question", "operation"}


def codes_in_code(packages: Sequence[str] = PACKAGES) -> Iterator[str]:
    """Every code an error is raised with, and those the error families have by themselves."""
    for call in _calls_in_code(packages):
        made = call.func.id if isinstance(call.func, ast.Name) else ""
        for argument in call.keywords:
            if argument.arg == "code" and made[:1].isupper() and made != "Finding":
                yield from _texts(argument.value)
    for tree in _trees(packages):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "default_code" in {
                target.id for target in node.targets if isinstance(target, ast.Name)
            }:
                yield from _texts(node.value)


def routes_in_code() -> Iterator[str]:
    for call in _calls_in_code(PACKAGES):
        if isinstance(call.func, ast.Name) and call.func.id in ROUTE_MAKERS and call.args:
            yield from _texts(call.args[0])


def stages_in_code() -> list[str]:
    """The stages of `task_provision`, in their order."""
    tree = ast.parse((ROOT / "workflows" / "task_provision.py").read_text())
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        text
        for call in made
        if isinstance(call.func, ast.Name) and call.func.id == "Stage"
        for named in call.keywords
        if named.arg == "name"
        for text in _texts(named.value)
    ]


def owners_of(fact: type[Struct]) -> set[str]:
    """The fields that all facts of a task, or of a job, have: they are documented once."""
    families = (family for family in (TaskFact, JobFact) if issubclass(fact, family))
    return {name for family in families for name in family.__struct_fields__}


def words_of(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """`serve`, `user add`, …: what may be typed after `foundry`."""
    below = [
        action.choices
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    if not below:
        yield before
    for choices in below:
        for name, one in choices.items():
            yield from words_of(one, f"{before} {name}".strip())


def _calls_in_code(packages: Sequence[str]) -> Iterator[ast.Call]:
    for tree in _trees(packages):
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _trees(packages: Sequence[str]) -> Iterator[ast.Module]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ast.parse(path.read_text())


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
