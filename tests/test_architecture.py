"""The house as README draws it, under "Where things are": imports only point down, and folders on one line never import each other."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.code_survey import HOUSE, ROOT

MAY_IMPORT = {
    "runtime": set(),
    "events": {"runtime"},
    "projectors": {"events", "runtime"},
    "commands": {"projectors", "events", "runtime"},
    "query_api": {"projectors", "events", "runtime"},
    "gateway": {"projectors", "events", "runtime"},
    "workflows": {"commands", "query_api", "gateway", "projectors", "events", "runtime"},
    "foundry": {"workflows", "commands", "query_api", "gateway", "projectors", "events", "runtime"},
}
NAMELESS = {"utils", "common", "helpers", "base", "core", "manager", "misc", "util", "helper"}
SHADOWS = {"queue", "types", "platform", "signal", "select"}
ENVIRONMENT = {"environ", "environb", "getenv"}
IMPURE = {
    *("asyncio", "threading", "time", "datetime", "random", "secrets", "uuid"),
    *("logging", "os", "subprocess", "sqlite3", "httpx", "runtime.settings"),
}
DECIDING = {"commands", "projectors", "workflows"}
DECIDES = re.compile(r"_?(evolve|decide|project|next_step|steps_of)(_|$)")
EVENTS = re.compile(r"(list|Sequence)\[\w*Event\]")
FOUNDRY_CLIENT = ROOT / "clients" / "python" / "foundry_client"
SHELL = {
    *("__init__", "foundry", "conductor", "listening", "reaching", "waking"),
    *("patience", "problem", "server", "transport"),
}
"""What of the client waits, asks the clock or speaks to the server."""


def modules() -> list[Path]:
    return [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def imported_packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_modules(path)}


def imported_modules(path: Path) -> set[str]:
    """What is imported, each with all it may be a part of: `os.path` as `os` too, `from os import path` as `os.path`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_only_point_down(package: str) -> None:
    others = MAY_IMPORT.keys() - {package} - MAY_IMPORT[package]

    wrong = {
        str(path.relative_to(ROOT)): sorted(imported_packages(path) & others)
        for path in (ROOT / package).rglob("*.py")
        if imported_packages(path) & others
    }

    assert wrong == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    nameless = [str(path) for path in modules() if path.stem in NAMELESS | SHADOWS]

    assert nameless == []


def test_only_settings_reads_the_environment() -> None:
    reading = {
        str(path.relative_to(ROOT))
        for path in modules()
        if any(
            (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
            or (isinstance(node, ast.alias) and node.name in ENVIRONMENT)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }

    assert reading == {"runtime/settings.py"}


def test_decisions_are_pure() -> None:
    deciding = [path for path in modules() if path.parent.name in DECIDING and set(decisions(path))]

    wrong = {str(path.relative_to(ROOT)): found for path in deciding if (found := impurities(path))}

    assert {path.parent.name for path in deciding} == DECIDING
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from datetime import datetime",
        "from runtime.settings import Settings",
        "from runtime import settings",
        "async def decide(state, command, context): ...",
    ],
)
def test_what_is_not_pure_is_noticed(tmp_path: Path, text: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(f"{text}\ndef evolve(state, event, origin): ...")

    assert list(decisions(module))
    assert impurities(module)


def decisions(path: Path) -> Iterator[str]:
    """The functions of a module that decide: by their name, because they change rows, or because they answer events."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = [ast.unparse(one.annotation) for one in node.args.args if one.annotation]
            answer = ast.unparse(node.returns) if node.returns else ""
            tells = not node.name.startswith("_") and EVENTS.fullmatch(answer)
            if DECIDES.match(node.name) or "Rows" in taken or tells:
                yield node.name


def impurities(path: Path) -> set[str]:
    """What keeps a module from giving the same answer each time it is asked the same."""
    waits = {
        f"line {node.lineno} waits"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    }
    return waits | (IMPURE & imported_modules(path))


def test_the_client_knows_the_server_by_its_protocol_only() -> None:
    wrong = {
        str(path.relative_to(FOUNDRY_CLIENT)): sorted(imported_packages(path) & MAY_IMPORT.keys())
        for path in FOUNDRY_CLIENT.rglob("*.py")
        if imported_packages(path) & MAY_IMPORT.keys()
    }

    assert wrong == {}


def test_the_clients_step_function_is_pure() -> None:
    modules = {path.stem: path for path in FOUNDRY_CLIENT.glob("*.py")}
    pure = modules.keys() - SHELL

    assert modules.keys() >= SHELL
    assert {"step", "effects", "happenings"} <= pure
    assert {name: found for name in pure if (found := impurities(modules[name]))} == {}


def test_the_top_of_the_repository_holds_what_the_house_names_and_nothing_else() -> None:
    ignored = [".*", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split())]
    there = {
        path.name
        for path in ROOT.iterdir()
        if not any(fnmatch(path.name, pattern) for pattern in ignored)
    }

    assert there == HOUSE


def test_every_package_is_read_only_from_the_checkout_it_stands_in() -> None:
    for package in MAY_IMPORT:
        assert (ROOT / package / "__init__.py").read_text().startswith('"""')
