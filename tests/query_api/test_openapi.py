"""The OpenAPI document and the problem catalog, compared with what there is."""

import re
from typing import Any

import pytest

from events.topics import ID_PREFIX
from projectors.catalog import PROJECTIONS
from projectors.projection import View
from query_api.openapi import document
from query_api.openapi_views import VIEWS
from query_api.problem_catalog import PROBLEMS
from runtime.problems import STATUS
from tests.code_survey import codes_in_code
from tests.query_api.house import Command, House, Json, problem
from tests.system.authorization import VIEWS as RIGHTS_OF_VIEWS

ANSWERING = ("commands", "query_api", "gateway", "projectors", "runtime")
"""Packages whose errors become problem documents."""

NEVER_ANSWERED = {"failed", "fenced", "sandbox_exists", "sandbox_gone", "sandbox_moved"}
"""Codes only workers get to see."""


@pytest.fixture(scope="module")
def described() -> Json:
    return document({"task.rename": Command}, version="1.0")


def every(value: Any, name: str) -> list[Any]:
    """The values under a name, wherever it stands."""
    if isinstance(value, dict):
        found = [value[name]] if name in value else []
        return found + [one for inner in value.values() for one in every(inner, name)]
    return [one for inner in value for one in every(inner, name)] if isinstance(value, list) else []


def test_every_reference_leads_somewhere(described: Json) -> None:
    references = set(every(described, "$ref"))

    schemas = described["components"]["schemas"]
    assert references
    assert {one.removeprefix("#/components/schemas/") for one in references} <= schemas.keys()


def test_every_schema_is_used(described: Json) -> None:
    used = {one.rpartition("/")[2] for one in every(described, "$ref")}

    assert described["components"]["schemas"].keys() <= used


def test_every_operation_says_what_it_takes_and_answers(described: Json) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path
            assert operation["summary"]
            assert any(status < "400" for status in operation["responses"])


def test_every_route_is_described_and_every_description_has_a_route(
    house: House, described: Json
) -> None:
    served = {re.sub(r":\w+}", "}", route.path) for route in house.app.routes}  # type: ignore[attr-defined]
    elsewhere = {
        path
        for path in described["paths"]
        if path.startswith(("/v1/commands", "/v1/stream", "/v1/log", "/v1/operator"))
        or path in ("/healthz", "/readyz", "/metrics")
    }

    assert served == described["paths"].keys() - elsewhere


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/v1/views/{topic}", {"429"}),
        ("get", "/v1/why/task/{task_id}", {"429"}),
        ("get", "/v1/diffs/{task_id}", {"429"}),
        ("get", "/v1/files/{task_id}/content", {"429"}),
        ("get", "/v1/blobs/{id}", {"429"}),
        ("get", "/v1/tasks", {"429"}),
        ("get", "/v1/history/{id}", {"429"}),
        ("post", "/v1/stream", {"403", "415", "429", "503"}),
        ("post", "/v1/stream/{sid}/interest", {"403", "415", "422"}),
        ("post", "/v1/commands", {"403"}),
        ("post", "/v1/login", {"403", "429", "503"}),
        ("post", "/v1/logout", {"403", "429", "503"}),
        ("post", "/v1/operator/verify/{projection}", {"401", "403", "404", "429"}),
        ("post", "/v1/operator/rebuild/{projection}", {"401", "403", "404", "429"}),
        ("get", "/v1/openapi.json", {"304"}),
    ],
)
def test_what_a_route_may_refuse_is_described(
    described: Json, method: str, path: str, statuses: set[str]
) -> None:
    assert statuses <= described["paths"][path][method]["responses"].keys()


def test_what_may_be_unchanged_can_be_asked_about(described: Json) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            asked = "If-None-Match" in every(operation.get("parameters", []), "name")
            assert asked is ("304" in operation["responses"]), path


def test_who_has_to_be_known_may_find_the_log_away(described: Json) -> None:
    signing = (described["paths"][f"/v1/{log}"]["post"] for log in ("login", "logout"))
    for_event_sources = described["paths"]["/v1/stream"]["get"]
    known = (
        operation
        for methods in described["paths"].values()
        for operation in methods.values()
        if "security" not in operation and operation is not for_event_sources
    )

    for operation in (*known, *signing):
        assert "unavailable" in operation["responses"]["503"]["description"].split(" · ")


def test_a_stream_for_event_sources_is_never_described_as_unavailable(described: Json) -> None:
    assert not {"429", "503"} & described["paths"]["/v1/stream"]["get"]["responses"].keys()


def test_every_view_is_described_as_its_projection_makes_it() -> None:
    made: dict[str, View] = {
        kind: view for projection in PROJECTIONS for kind, view in projection.views.items()
    }

    assert {kind: list(shape.lists) for kind, shape in VIEWS.items()} == {
        kind: list(view.lists) for kind, view in made.items()
    }


def test_the_table_of_rights_has_every_view() -> None:
    assert set(RIGHTS_OF_VIEWS) == set(ID_PREFIX)


async def test_the_document_is_open_to_everybody(house: House) -> None:
    answer = await house.get("/v1/openapi.json", token=None)

    described = answer.json()
    assert answer.status_code == 200
    assert described["openapi"] == "3.1.0"
    assert "/v1/commands/task.rename" in described["paths"]


async def test_an_answer_has_the_fields_that_are_described(house: House, described: Json) -> None:
    for shape in described["components"]["schemas"]["View"]["properties"]["data"]["anyOf"]:
        kind = shape["title"]
        topic = TOPIC[kind]
        data = (await house.view(topic))["data"]
        itself, lists = shape["allOf"]
        name = itself["$ref"].removeprefix("#/components/schemas/")
        fields = described["components"]["schemas"][name]["properties"]

        assert data.keys() == fields.keys() | lists["properties"].keys(), kind


TOPIC = {"app": "app"} | {kind: f"{kind}/{prefix}_1" for kind, prefix in ID_PREFIX.items()}


@pytest.mark.parametrize("code", PROBLEMS)
async def test_every_problem_code_can_be_looked_up(house: House, code: str) -> None:
    answer = await house.get(f"/problems/{code}", token=None)

    assert answer.json() == {
        "code": code,
        "status": PROBLEMS[code].status,
        "meaning": PROBLEMS[code].meaning,
    }


async def test_a_problem_nobody_has_is_not_found(house: House) -> None:
    for code in ("nothing", "%00", "x" * 3000):
        problem(await house.get(f"/problems/{code}", token=None), 404, "not_found")


def test_every_code_that_is_raised_is_in_the_catalog() -> None:
    assert set(codes_in_code(ANSWERING)) - PROBLEMS.keys() <= NEVER_ANSWERED


def test_the_catalog_has_the_code_of_every_error_family() -> None:
    for family, status in STATUS.items():
        assert PROBLEMS[family.default_code].status == status
