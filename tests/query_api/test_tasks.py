"""`GET /v1/tasks`."""

import msgspec
import pytest

from events.ids import OrganizationId, TaskId
from tests import facts
from tests.query_api.house import House, ids, problem


async def make_tasks(house: House, *numbers: int) -> None:
    for number in numbers:
        task = TaskId(f"task_{number}")
        await house.happen(facts.commit(facts.task_created(task, title=f"Task {number}")))


async def test_tasks_are_listed_as_their_workspace_shows_them(house: House) -> None:
    [shown] = (await house.view("workspace/org_1"))["data"]["tasks"]

    page = (await house.get("/v1/tasks")).json()

    assert page == {"tasks": [shown | {"organization_id": "org_1"}], "next": None}


async def test_tasks_are_listed_page_by_page(house: House) -> None:
    await make_tasks(house, 2, 3, 4, 5)

    first = (await house.get("/v1/tasks?limit=3")).json()
    rest = (await house.get(f"/v1/tasks?limit=3&after={first['next']}")).json()

    assert (ids(first["tasks"]), first["next"]) == (["task_1", "task_2", "task_3"], "task_3")
    assert (ids(rest["tasks"]), rest["next"]) == (["task_4", "task_5"], None)


async def test_a_page_that_is_just_full_is_the_last(house: House) -> None:
    await make_tasks(house, 2)

    assert (await house.get("/v1/tasks?limit=2")).json()["next"] is None


async def test_tasks_are_found_by_status_and_by_text(house: House) -> None:
    await make_tasks(house, 2, 3)
    await house.happen(
        facts.commit(facts.task_failed(TaskId("task_2"))),
        facts.commit(facts.task_named(TaskId("task_3"), "feature/login")),
    )

    assert ids((await house.get("/v1/tasks?status=error")).json()["tasks"]) == ["task_2"]
    assert ids((await house.get("/v1/tasks?q=LOGIN")).json()["tasks"]) == ["task_1", "task_3"]
    assert ids((await house.get("/v1/tasks?q=%25")).json()["tasks"]) == []
    assert ids((await house.get("/v1/tasks?q=&status=queued")).json()["tasks"]) == [
        "task_1",
        "task_3",
    ]


@pytest.mark.parametrize("q", ["übersicht", "ÜBERSICHT", "größe", "GRÖSSE"])
async def test_tasks_are_found_in_any_case_of_any_script(house: House, q: str) -> None:
    title = "Übersicht der Größe"
    await house.happen(facts.commit(facts.task_created(TaskId("task_2"), title=title)))

    found = (await house.get(f"/v1/tasks?q={q}")).json()["tasks"]

    assert ids(found) == ["task_2"]


@pytest.mark.parametrize("title", ["CAFÉ", "CAFE\u0301"])
@pytest.mark.parametrize("q", ["café", "cafe\u0301"])
async def test_tasks_are_found_however_their_accents_are_spelt(
    house: House, title: str, q: str
) -> None:
    await house.happen(facts.commit(facts.task_created(TaskId("task_2"), title=title)))

    found = (await house.get(f"/v1/tasks?q={q}")).json()["tasks"]

    assert (ids(found), found[0]["title"]) == (["task_2"], title)


async def test_tasks_of_all_organizations_come_in_one_order(house: House) -> None:
    other = OrganizationId("org_2")
    house.doorkeeper.members.add((facts.ANNA, other))
    await house.happen(facts.commit(facts.organization_created(other)))
    created = facts.task_created(TaskId("task_0"))
    await house.happen(facts.commit(msgspec.structs.replace(created, organization_id=other)))

    both = (await house.get("/v1/tasks")).json()["tasks"]
    one = (await house.get("/v1/tasks?organization_id=org_1")).json()["tasks"]

    assert [(task["id"], task["organization_id"]) for task in both] == [
        ("task_0", "org_2"),
        ("task_1", "org_1"),
    ]
    assert ids(one) == ["task_1"]


async def test_a_former_member_lists_nothing(house: House) -> None:
    house.doorkeeper.members.remove((facts.ANNA, facts.ORGANIZATION))
    house.doorkeeper.members.add((facts.ANNA, "org_elsewhere"))

    assert (await house.get("/v1/tasks")).json() == {"tasks": [], "next": None}
    problem(await house.get("/v1/tasks?organization_id=org_1"), 404, "not_found")


@pytest.mark.parametrize("organization", ["org_unknown", "org_eve", "%3E"])
async def test_tasks_of_an_organization_that_is_not_the_callers_are_not_found(
    house: House, organization: str
) -> None:
    problem(await house.get(f"/v1/tasks?organization_id={organization}"), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "status=sleeping",
        "limit=0",
        "limit=many",
        "after=ses_1",
        "q=%00",
        "at_least=x",
        "q=" + "x" * 300,
    ],
)
async def test_a_search_that_cannot_be_understood_is_refused(house: House, query: str) -> None:
    problem(await house.get(f"/v1/tasks?{query}"), 400, "malformed")


async def test_what_a_form_leaves_empty_is_not_asked_for(house: House) -> None:
    everything = (await house.get("/v1/tasks")).json()
    form = await house.get("/v1/tasks?organization_id=&status=&q=&after=&limit=")

    assert everything["tasks"]
    assert form.json() == everything
    problem(await house.get("/v1/tasks?at_least="), 400, "malformed")


async def test_a_page_has_a_largest_size(house: House) -> None:
    await make_tasks(house, *range(2, 205))

    page = (await house.get("/v1/tasks?limit=1000")).json()

    assert len(page["tasks"]) == 200
    assert page["next"] == page["tasks"][-1]["id"]
