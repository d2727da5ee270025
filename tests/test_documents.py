"""What the documents name is there, and what is there is named: settings, metrics, problems, facts, routes, commands, files."""

import re
from collections.abc import Iterator
from itertools import chain, takewhile
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from prometheus_client.metrics import MetricWrapperBase

from commands.catalog import CATALOG
from events.commit import Event
from foundry.cli import _parser
from gateway.ending import EndCode
from projectors.catalog import PROJECTIONS
from projectors.task_course import IN_WORK
from query_api.openapi_views import VIEWS
from query_api.problem_catalog import PROBLEMS
from runtime import metrics
from runtime.problems import STATUS
from runtime.settings import Settings
from tests.code_survey import (
    HOUSE,
    PACKAGES,
    ROOT,
    codes_in_code,
    owners_of,
    routes_in_code,
    stages_in_code,
    words_of,
)
from workflows.agents import known_agents

DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
PROTOCOL = (DOCS / "protocol.md").read_text()
README = (ROOT / "README.md").read_text()
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("clients/**/*.md")),
    *sorted(DOCS.rglob("*.md")),
)
FOLDERS = (*PACKAGES, "tests", "docs", "deploy", "web")
WRITTEN = {".py", ".js", ".mjs", ".ts", ".css", ".html", ".md", ".toml", ".yaml", ".yml", ".conf"}
STREAMS = {"/v1/stream", "/v1/stream/{sid}/interest"}
NOT_FOR_NODES = {"FOUNDRY_PUBLISH", "FOUNDRY_NATS_PASSWORD", "FOUNDRY_REPOSITORIES"}
TOLD_BY_NAME = {"stage_failed", "host_away"}
"""Codes of issues that stand behind a name in the code."""
NEVER_TOLD = {"failed"}
"""The family all errors belong to; nothing is raised as it."""


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in table(OPERATIONS, "setting")}
    fields = {field.encode_name: field.default for field in msgspec.structs.fields(Settings)}

    assert set(documented) == set(fields)
    for name, default in fields.items():
        if default:
            written = f"{default:g}" if isinstance(default, float) else str(default)
            assert documented[name] == f"`{written}`"


def test_every_agent_is_documented_with_what_it_is_given() -> None:
    documented = {row[0].strip("`"): row[1:] for row in table(OPERATIONS, "agent")}
    agents = known_agents(None)

    assert set(documented) == set(agents)
    for name, (command, given) in documented.items():
        assert re.findall(r"`([A-Z_]+)`", given) == list(agents[name].pass_on)
        assert command.strip("`") == " ".join(agents[name].command) or name == "shell"


def test_no_document_names_a_setting_that_is_not_there() -> None:
    known = {field.encode_name for field in msgspec.structs.fields(Settings)} | NOT_FOR_NODES

    for page in PAGES:
        assert set(re.findall(r"FOUNDRY_[A-Z_]*[A-Z]", page.read_text())) <= known, page


def test_every_metric_is_documented_with_its_labels() -> None:
    documented = {row[0].strip("`"): row[1] for row in table(OPERATIONS, "metric")}
    defined = {
        f"{one._name}_total" if one._type == "counter" else one._name: ", ".join(one._labelnames)
        for one in vars(metrics).values()
        if isinstance(one, MetricWrapperBase)
    }

    assert documented == defined


def test_the_alerts_are_about_metrics_that_are_there() -> None:
    documented = {row[0].strip("`") for row in table(OPERATIONS, "metric")}
    asked = re.findall(r"foundry_\w+", (ROOT / "deploy" / "alerts.yml").read_text())

    assert {name.removesuffix("_bucket") for name in asked} <= documented


def test_every_problem_code_is_documented() -> None:
    problems = {row[1].strip("`"): int(row[0]) for row in table(PROTOCOL, "status")}
    of_jobs = set(
        chain.from_iterable(re.findall(r"`(\w+)`", row[0]) for row in table(PROTOCOL, "code", 1))
    )
    used = set(codes_in_code()) - NEVER_TOLD

    assert problems == {problem.code: problem.status for problem in PROBLEMS.values()}
    assert used <= set(problems) | of_jobs
    assert of_jobs <= used | TOLD_BY_NAME
    assert {code.default_code for code in STATUS} <= set(problems)


def test_every_way_a_stream_ends_is_documented() -> None:
    told = {row[0].strip("`") for row in table(PROTOCOL, "code")}

    assert told == set(get_args(EndCode)) - {"closed", "stalled"}


def test_every_fact_is_documented_with_its_fields() -> None:
    documented = {
        row[1].strip("`"): set(re.findall(r"`(\w+)`", row[2]))
        for row in table(PROTOCOL, "aggregate")
    }
    facts = {str(fact.__struct_config__.tag): fact for fact in get_args(Event)}

    assert set(documented) == set(facts)
    for tag, fact in facts.items():
        assert documented[tag] == set(fact.__struct_fields__) - owners_of(fact), tag


def test_every_route_is_documented() -> None:
    documented = {
        path
        for row in table(PROTOCOL, "route")
        for _, path in re.findall(r"`(GET|POST) (/[^`]*)`", row[0])
    }

    assert documented == {path.replace(":path", "") for path in routes_in_code()} | STREAMS


def test_every_command_is_documented_with_its_fields() -> None:
    documented = {
        row[0].strip("`"): set(re.findall(r"`(\w+\??)`", row[1]))
        for row in table(PROTOCOL, "command")
    }

    assert documented == {name: set(fields_of(command)) for name, command in CATALOG.items()}


def test_every_stage_of_a_provisioning_is_documented_and_has_its_sentence() -> None:
    told = PROTOCOL.partition("The stages of `task_provision`:")[2].partition(".")[0]

    assert re.findall(r"`(\w+)`", told) == stages_in_code()
    assert set(stages_in_code()) <= set(IN_WORK)


def test_every_field_of_every_view_is_documented() -> None:
    documented = {
        row[0].strip("`").partition("/")[0]: set(re.findall(r"\w+", row[2]))
        for row in table(PROTOCOL, "topic")
    }

    assert set(documented) == set(VIEWS)
    for name, view in VIEWS.items():
        shown = {field for row in (view.itself, *view.lists.values()) for field in names_of(row)}
        assert shown <= documented[name], name


def test_every_list_of_every_view_is_documented() -> None:
    documented = {
        row[0].strip("`"): dict(re.findall(r"`(\w+)`: `(\w+)`", row[1]))
        for row in table(PROTOCOL, "view")
    }
    defined = {
        name: {entity: plural for plural, entity in view.lists.items()}
        for projection in PROJECTIONS
        for name, view in projection.views.items()
    }

    assert documented == defined


def test_every_word_of_the_command_line_is_documented() -> None:
    documented = {
        match[1].strip()
        for row in table(OPERATIONS, "command")
        if (match := re.match(r"`foundry ((?:[a-z]+ ?)+)", row[0]))
    }

    assert documented == set(words_of(_parser()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_file_a_document_names_is_there(page: Path) -> None:
    text = page.read_text()
    linked = [page.parent / target for target in re.findall(r"\]\(([^)#]+)\)", text)]
    named = [
        ROOT / name
        for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.[a-z]+)?)`", text)
        if name.partition("/")[0] in FOLDERS
    ]

    assert not [path for path in (*linked, *named) if not path.exists()]


def test_nothing_leans_on_a_document_that_is_not_here() -> None:
    elsewhere = re.compile(r"\b(CONTRACT|DESIGN|MEASURED)\b ?\d*")

    leaning = {
        str(path.relative_to(ROOT)): found[0]
        for path in written_by_hand()
        if path != Path(__file__) and (found := elsewhere.search(path.read_text()))
    }

    assert leaning == {}


def test_every_heading_that_is_named_is_there() -> None:
    cited = re.compile(r"""docs/(\w+\.md), (["'])(.+?)\2[).,: ]""")
    named = {
        (page, heading)
        for path in written_by_hand()
        for page, _, heading in cited.findall(path.read_text())
    }
    headings = {
        (page.name, heading)
        for page in DOCS.glob("*.md")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    }

    assert named
    assert named <= headings


def test_decisions_have_numbers_of_their_own_fit_on_a_page_and_are_listed() -> None:
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    listed = re.findall(r"\]\(([^)]+)\)", (DOCS / "decisions" / "README.md").read_text())

    assert len({page.name[:4] for page in pages}) == len(pages)
    assert listed == [page.name for page in pages]
    for page in pages:
        assert page.read_text().startswith(f"# {page.name[:4]} ")
        assert len(page.read_text().splitlines()) < 60


def test_the_commands_that_are_refused_in_this_version_are_named_as_they_are() -> None:
    limits = README.partition("## Limits")[2]
    named = re.findall(r"`((?:task|organization|repository|process)\.[a-z_*]+)`", limits)

    assert named
    for name in named:
        assert any(command.startswith(name.rstrip("*")) for command in CATALOG), name


def written_by_hand() -> list[Path]:
    """Every text of the project, but for what was measured or recorded."""
    house = [ROOT / name for name in HOUSE]
    return [
        path
        for place in house
        for path in (sorted(place.rglob("*")) if place.is_dir() else [place])
        if path.suffix in WRITTEN or (not path.suffix and path.is_file())
    ]


def fields_of(command: type[msgspec.Struct]) -> Iterator[str]:
    """The fields of a command as the page writes them, but for the one that all have."""
    for field in msgspec.structs.fields(command):
        if field.name != "expected_version":
            yield field.encode_name if field.required else f"{field.encode_name}?"


def names_of(row: type[msgspec.Struct]) -> Iterator[str]:
    return (field.encode_name for field in msgspec.structs.fields(row))


def table(text: str, first: str, number: int = 0) -> list[list[str]]:
    """The rows of the table whose head begins with `first`; of several such tables the one of that number."""
    heads = [
        match.end() for match in re.finditer(rf"^\| {first} \|.*\n\|[-|]+\n", text, re.MULTILINE)
    ]
    lines = text[heads[number] :].split("\n")
    table = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
