"""The house as DESIGN drew it: imports only point down, and folders on one line never import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

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


def modules() -> list[Path]:
    return [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


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
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }

    assert reading <= {"runtime/settings.py"} | READS_ITS_CHILDS_ENVIRONMENT


READS_ITS_CHILDS_ENVIRONMENT: set[str] = set()
"""Programs that are started as a child process and get their settings that way."""


def test_decisions_are_pure() -> None:
    impure = {"asyncio", "time", "random", "secrets", "logging", "os", "uuid"}
    deciders = (
        "user",
        "organization",
        "repository",
        "task",
        "agent_session",
        "task_reports",
        "job",
    )

    wrong = {
        name: sorted(imported_packages(ROOT / "commands" / f"{name}.py") & impure)
        for name in deciders
        if (ROOT / "commands" / f"{name}.py").exists()
        and imported_packages(ROOT / "commands" / f"{name}.py") & impure
    }

    assert wrong == {}


def test_the_client_knows_the_server_by_its_protocol_only() -> None:
    client = ROOT / "clients" / "python" / "foundry_client"

    wrong = {
        str(path.relative_to(client)): sorted(imported_packages(path) & MAY_IMPORT.keys())
        for path in client.rglob("*.py")
        if imported_packages(path) & MAY_IMPORT.keys()
    }

    assert wrong == {}


def test_the_clients_step_function_is_pure() -> None:
    client = ROOT / "clients" / "python" / "foundry_client"
    impure = {"asyncio", "time", "random", "logging", "os", "uuid", "httpx"}
    pure = ("step", "told", "topics", "connections", "interest", "reads", "fold", "turn", "sse")

    assert not [name for name in pure if imported_packages(client / f"{name}.py") & impure]


def test_every_package_is_read_only_from_the_checkout_it_stands_in() -> None:
    for package in MAY_IMPORT:
        assert (ROOT / package / "__init__.py").read_text().startswith('"""')
