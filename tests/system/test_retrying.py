"""A command that comes again is one command: after a restart, from another person, with another body."""

import json

from tests.system.client import Client, new_key, problem
from tests.system.conftest import Enter, StartNode
from tests.system.people import House, Person


async def test_a_key_gets_the_same_answer_after_a_kill_and_a_restart(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node()
    client = await enter(node.address, node.token)
    key = new_key()
    first = await client.command("organization.create", key=key, name="Once")

    node.kill()
    node.start()
    again = await enter(node.address, node.token)
    second = await again.command("organization.create", key=key, name="Once")

    assert second == first
    app = await again.data("app", at_least=first.position)
    assert [one["name"] for one in app["organizations"]] == ["Once"]


async def test_a_key_with_another_body_is_refused(house: House) -> None:
    key = new_key()
    created = await house.create_task(title="One", key=key)
    task_id = created.ids["task_id"]
    other = await house.create_task()
    rename = new_key()
    await house.owner.command("task.rename", key=rename, task_id=task_id, title="Two")

    another_body = await house.owner.refused(
        "task.create", key=key, repository_id=house.repository_id, prompt="other"
    )
    same_task = await house.owner.refused("task.rename", key=rename, task_id=task_id, title="Three")
    another_task = await house.owner.refused(
        "task.rename", key=rename, task_id=other.ids["task_id"], title="Two"
    )

    for refusal in (another_body, same_task, another_task):
        assert (refusal["status"], refusal["code"]) == (422, "key_reused")


async def test_a_key_belongs_to_one_person(house: House, stranger: Person) -> None:
    await house.join(stranger)
    key = new_key()
    fields = {"repository_id": house.repository_id, "prompt": "true"}

    mine = await house.owner.command("task.create", key=key, **fields)
    theirs = await stranger.client.command("task.create", key=key, **fields)

    assert mine.command_id == theirs.command_id
    assert mine.ids["task_id"] != theirs.ids["task_id"]


async def test_a_key_belongs_to_one_command_name(house: House) -> None:
    key = new_key()

    one = await house.create_task(key=key)
    two = await house.owner.command("organization.create", key=key, name="Also")

    assert one.position != two.position


async def test_the_same_body_spelt_differently_is_the_same_body(house: House) -> None:
    key = {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
    path = "/v1/commands/organization.create"

    one = await house.owner.http.post(path, content=b'{"name":"A\\u0041"}', headers=key)
    two = await house.owner.http.post(path, content=b'{ "name" : "AA" }', headers=key)

    assert (one.status_code, two.json()) == (202, one.json())


async def test_a_secret_is_shown_once(owner: Client) -> None:
    key = new_key()

    first = await owner.command("token.create", key=key)
    second = await owner.command("token.create", key=key)

    assert first.secret
    assert second == first._replace(secret=None)


async def test_a_refusal_is_judged_anew(house: House) -> None:
    key = new_key()
    await house.owner.refused("task.rename", key=key, task_id="task_late", title="Now")
    await house.create_task(task_id=f"task_{house.organization_id}")

    again = await house.owner.command(
        "task.rename", key=key, task_id=f"task_{house.organization_id}", title="Now"
    )

    assert again.events == ["task_renamed"]


async def test_what_is_so_already_changes_nothing(house: House) -> None:
    task_id = (await house.create_task()).ids["task_id"]
    renamed = await house.owner.command("task.rename", task_id=task_id, title="Same")

    again = await house.owner.command("task.rename", task_id=task_id, title="Same")

    assert again.events == []
    assert again.position >= renamed.position
    assert again.ids["task_id"] == task_id


async def test_an_id_that_is_taken_is_refused(house: House) -> None:
    created = await house.create_task()

    taken = await house.owner.refused(
        "task.create",
        repository_id=house.repository_id,
        prompt="true",
        task_id=created.ids["task_id"],
    )
    same_address = await house.owner.refused(
        "repository.add",
        organization_id=house.organization_id,
        remote_url=(await _repository(house))["remote_url"] + "/",
    )

    assert (taken["status"], taken["code"]) == (409, "already_exists")
    assert (same_address["status"], same_address["code"]) == (409, "already_exists")


async def test_a_version_that_a_command_changed_is_a_mismatch(house: House) -> None:
    created = await house.create_task()
    task_id = created.ids["task_id"]
    topic = await house.owner.view(f"task/{task_id}", at_least=created.position)
    tag = f'"{topic["epoch"]}.{topic["version"]}"'
    renamed = await house.owner.submit("task.rename", if_match=tag, task_id=task_id, title="A")

    stale_tag = await house.owner.submit("task.rename", if_match=tag, task_id=task_id, title="B")
    stale = await house.owner.refused(
        "task.rename", task_id=task_id, title="B", expected_version=created.position
    )
    fresh = await house.owner.submit(
        "task.rename",
        if_match=f'"{renamed.json()["position"]}"',
        task_id=task_id,
        title="C",
    )

    assert (renamed.status_code, fresh.status_code) == (202, 202)
    assert (stale_tag.status_code, stale_tag.json()["code"]) == (412, "version_mismatch")
    assert (stale["status"], stale["code"]) == (412, "version_mismatch")


async def test_what_a_worker_reported_is_no_mismatch(house: House) -> None:
    created = await house.finished_task("echo done")
    task_id = created.ids["task_id"]

    renamed = await house.owner.command(
        "task.rename", task_id=task_id, title="Mine", expected_version=created.position
    )

    assert renamed.events == ["task_renamed"]


async def test_a_batch_answers_line_by_line(house: House) -> None:
    task = f"task_{house.organization_id}"
    lines = [
        {
            "name": "task.create",
            "data": {"repository_id": house.repository_id, "prompt": "true", "task_id": task},
        },
        {"name": "task.rename", "data": {"task_id": task, "title": "From the batch"}},
        {"name": "task.rename", "data": {"task_id": task}},
        {"name": "task.fly", "data": {}},
        {"name": "task.rename", "command_id": new_key(), "data": {"task_id": task, "title": "2"}},
    ]
    body = b"\n".join([*(json.dumps(line).encode() for line in lines), b"not json", b""])
    key = new_key()

    first = await house.owner.batch(body, key=key)
    second = await house.owner.batch(body, key=key)

    answers = [json.loads(line) for line in first.text.split("\n") if line]
    assert (first.status_code, len(answers)) == (200, 6)
    assert [answer["line"] for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert [answer["status"] for answer in answers] == [202, 202, 400, 404, 202, 400]
    assert second.text == first.text


async def test_a_batch_points_at_what_is_wrong_from_the_root_of_its_line(house: House) -> None:
    nested = '{"text": "a", "attachments": [{"name": "b", "name": "c"}]}'
    lines = [
        '{"name": "task.rename", "data": {"task_id": "task_1", "title": "a", "x": 1}}',
        '{"name": "task.rename", "data": {"task_id": "task_1", "title": "a"}, "x": 1}',
        '{"name": "task.rename", "data": {"task_id": "task_1", "title": "a", "title": "b"}}',
        f'{{"name": "agent_session.send", "data": {nested}}}',
        '{"name": "task.rename", "data": {"a": 1, "a": 2, "b": '
        + "[" * 100_000
        + "]" * 100_000
        + "}}",
    ]

    answered = await house.owner.batch("\n".join(lines).encode())

    problems = [json.loads(line) for line in answered.text.splitlines()]
    pointers = [problem["errors"][0]["pointer"] for problem in problems]
    assert [problem["status"] for problem in problems] == [400] * 5
    assert pointers == ["/data/x", "/x", "/data/title", "/data/attachments/0/name", ""]


async def test_a_batch_is_bounded_as_a_whole_and_line_by_line(house: House) -> None:
    long_line = b'{"name":"organization.create","data":{"name":"' + b"x" * 600_000 + b'"}}'
    good = b'{"name":"organization.select","data":{"organization_id":"%b"}}' % (
        house.organization_id.encode()
    )

    mixed = await house.owner.batch(long_line + b"\n" + good)
    too_much = await house.owner.batch((good + b"\n") * (9 * 1024 * 1024 // len(good)))

    statuses = [json.loads(line)["status"] for line in mixed.text.split("\n") if line]
    assert statuses == [413, 202]
    assert problem(too_much)["code"] == "too_large"


async def _repository(house: House) -> dict[str, str]:
    data: dict[str, str] = await house.owner.data(f"repository/{house.repository_id}")
    return data
