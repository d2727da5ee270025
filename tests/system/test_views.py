"""What can be read: views, pages, the past, the audit trail, what a task changed."""

import asyncio
from typing import Any

from tests.system.client import problem
from tests.system.conftest import Enter
from tests.system.people import House, Person

SCRIPT = """echo two >> word.txt
printf 'new\\n' > new.txt
mkdir -p deep && printf 'x' > 'deep/a b.txt'
rm README.md
"""


async def test_every_topic_answers_at_the_commit_that_announced_it(house: House) -> None:
    created = await house.create_task()
    ids = created.ids

    for topic in (
        "app",
        house.workspace,
        f"repository/{house.repository_id}",
        f"task/{ids['task_id']}",
        f"files/{ids['task_id']}",
        f"processes/{ids['task_id']}",
        f"job/{ids['job_id']}",
        f"transcript/{ids['session_id']}",
    ):
        view = await house.owner.view(topic, at_least=created.position)
        assert view["topic"] == topic


async def test_the_etag_saves_a_second_reading(house: House, enter: Enter) -> None:
    # Of whose organizations nothing goes on in the background.
    reader = (await Person.arrive(house.owner, enter, "Reader")).client
    topic = "/v1/views/app"
    first = await reader.get(topic)

    same = await reader.get(topic, {"If-None-Match": first.headers["etag"]})
    made = await reader.command("organization.create", name="One more")
    changed = await reader.get(
        topic, {"If-None-Match": first.headers["etag"]}, at_least=made.position
    )

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"


async def test_a_position_nobody_reached_is_waited_for_and_then_refused(house: House) -> None:
    far = (await house.create_task()).position + 1_000_000

    async with asyncio.timeout(8):
        refused = problem(await house.owner.get(f"/v1/views/{house.workspace}", at_least=far))

    assert (refused["status"], refused["code"]) == (503, "not_caught_up")


async def test_a_transcript_is_paged_backwards(house: House) -> None:
    created = await house.finished_task("for n in $(seq 1 30); do echo $n; sleep 0.03; done")
    topic = f"/v1/views/transcript/{created.ids['session_id']}"

    whole = (await house.owner.get(topic)).json()["data"]
    last = whole["last_index"]
    newest = (await house.owner.get(topic, limit=2)).json()["data"]
    page = (await house.owner.get(topic, before=last, limit=2)).json()["data"]

    indexes = [entry["index"] for entry in whole["entries"]]
    assert indexes == list(range(whole["first_index"], last + 1))
    assert [entry["index"] for entry in newest["entries"]] == indexes[-2:]
    assert [entry["index"] for entry in page["entries"]] == indexes[-3:-1]
    said = "".join(
        entry.get("text") or "" for entry in whole["entries"] if entry["sender"] == "agent"
    )
    assert said.split() == [str(number) for number in range(1, 31)]


async def test_a_task_is_seen_as_it_was_and_why_it_is_as_it_is(house: House) -> None:
    created = await house.create_task(title="Before")
    task_id = created.ids["task_id"]
    renamed = await house.owner.command("task.rename", task_id=task_id, title="After")

    then = await house.owner.data(f"task/{task_id}", as_of=created.position)
    now = await house.owner.data(f"task/{task_id}", at_least=renamed.position)
    why = (await house.owner.get(f"/v1/why/task/{task_id}", field="/title")).json()

    assert (then["title"], now["title"]) == ("Before", "After")
    assert then["status"] == "queued"
    text = str(why)
    for part in ("task_renamed", "task.rename", "usr_owner", str(renamed.position)):
        assert part in text


async def test_the_audit_trail_says_who_did_what(house: House) -> None:
    created = await house.create_task()
    task_id = created.ids["task_id"]

    history = (await house.owner.get(f"/v1/history/{task_id}")).json()

    first = history["entries"][0]
    assert (first["position"], first["actor"]) == (created.position, "usr_owner")
    assert first["events"] == created.events
    assert first["command"] == {"id": created.command_id, "name": "task.create"}
    assert first["at"] > 0


async def test_tasks_are_searched_and_paged(house: House) -> None:
    titles = [f"Search {number}" for number in range(5)]
    for title in titles:
        last = await house.create_task(title=title)

    async def search(**query: object) -> Any:
        mine = {"organization_id": house.organization_id, "at_least": last.position}
        return (await house.owner.get("/v1/tasks", None, **mine, **query)).json()

    first = await search(limit=3)
    second = await search(limit=3, after=first["next"])
    found = await search(q="search 3")

    assert sorted(task["title"] for task in first["tasks"] + second["tasks"]) == titles
    assert second["next"] is None
    assert [task["title"] for task in found["tasks"]] == ["Search 3"]


async def test_what_a_turn_changed_is_seen_as_files_and_diffs(house: House) -> None:
    created = await house.finished_task(SCRIPT)
    task_id = created.ids["task_id"]
    topic = f"files/{task_id}"
    async with house.owner.stream(topic) as stream:
        files = await stream.until_data(topic, lambda data: len(data["files"]) == 4)

    kinds = {file["id"]: file["kind"] for file in files["files"]}
    assert set(kinds) == {"README.md", "deep/a b.txt", "new.txt", "word.txt"}
    assert {"new.txt", "word.txt", "deep/a b.txt"} <= {one["id"] for one in files["tree"]}
    one = await house.owner.get(f"/v1/diffs/{task_id}", path="word.txt")
    every = await house.owner.get(f"/v1/diffs/{task_id}")
    content = await house.owner.get(f"/v1/files/{task_id}/content", path="deep/a b.txt")
    assert one.headers["content-type"].startswith("text/x-diff")
    assert "+two" in one.text
    assert "new.txt" not in one.text
    assert "+new" in every.text
    assert content.content == b"x"
    workspace = await house.owner.data(house.workspace, at_least=stream.held[topic].version)
    (task,) = workspace["tasks"]
    assert task["diff"]["files"] == 4


async def test_long_output_is_a_blob_that_can_be_read(house: House) -> None:
    created = await house.finished_task("head -c 400000 /dev/zero | tr '\\0' 'y'")
    transcript = await house.owner.data(f"transcript/{created.ids['session_id']}")

    said = 0
    for entry in transcript["entries"]:
        if entry["sender"] != "agent":
            continue
        if entry.get("blob"):
            blob = await house.owner.get(f"/v1/blobs/{entry['blob']['blob']}")
            assert blob.status_code == 200
            said += blob.text.count("y")
        else:
            said += (entry.get("text") or "").count("y")

    assert said == 400000


async def test_a_path_that_leads_elsewhere_is_not_there(house: House) -> None:
    created = await house.finished_task("printf x > inside.txt")
    task_id = created.ids["task_id"]

    for path in ("../../../../etc/passwd", "/etc/passwd", ".git/config", "a/../../b", "nothing"):
        for address in (f"/v1/files/{task_id}/content", f"/v1/diffs/{task_id}"):
            assert (await house.owner.get(address, path=path)).status_code == 404, path
