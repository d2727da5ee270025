"""Who may do and see what: strangers see nothing, members not everything, and a removal holds at once."""

import re

from tests.system.client import problem
from tests.system.people import House, Person


async def test_to_a_stranger_nothing_of_an_organization_exists(
    house: House, stranger: Person
) -> None:
    created = await house.create_task()
    ids = created.ids
    real = {
        "workspace": house.organization_id,
        "repository": house.repository_id,
        "task": ids["task_id"],
        "files": ids["task_id"],
        "processes": ids["task_id"],
        "job": ids["job_id"],
        "transcript": ids["session_id"],
    }

    for view, identity in real.items():
        never = re.sub("_.*", "_never", identity)
        one = problem(await stranger.client.get(f"/v1/views/{view}/{identity}"))
        two = problem(await stranger.client.get(f"/v1/views/{view}/{never}"))
        assert (one["status"], one["detail"]) == (404, two["detail"])
    for path in (
        "/v1/history/{}",
        "/v1/diffs/{}",
        "/v1/files/{}/content?path=x",
        "/v1/why/task/{}?field=/title",
    ):
        one = problem(await stranger.client.get(path.format(ids["task_id"])))
        two = problem(await stranger.client.get(path.format("task_never")))
        assert (one["status"], one["detail"]) == (404, two["detail"])
    tasks = await stranger.client.get("/v1/tasks", organization_id=house.organization_id)
    assert problem(tasks)["status"] == 404


async def test_a_strangers_commands_meet_nothing(house: House, stranger: Person) -> None:
    created = await house.create_task()
    task_id, session_id = created.ids["task_id"], created.ids["session_id"]
    commands: list[tuple[str, dict[str, str]]] = [
        ("task.create", {"repository_id": house.repository_id, "prompt": "x"}),
        ("task.rename", {"task_id": task_id, "title": "x"}),
        ("task.archive", {"task_id": task_id}),
        ("task.kill", {"task_id": task_id}),
        ("task.select", {"task_id": task_id}),
        ("agent_session.send", {"task_id": task_id, "session_id": session_id, "text": "x"}),
        ("agent_session.create", {"task_id": task_id}),
        ("repository.refresh", {"repository_id": house.repository_id}),
        ("repository.remove", {"repository_id": house.repository_id}),
        ("organization.select", {"organization_id": house.organization_id}),
        ("organization.update", {"organization_id": house.organization_id, "name": "x"}),
        ("job.cancel", {"job_id": created.ids["job_id"]}),
        ("job.retry", {"job_id": created.ids["job_id"]}),
    ]
    for name, fields in commands:
        one = await stranger.client.refused(name, **fields)
        never = {
            key: re.sub("_.*", "_never", value) if key.endswith("_id") else value
            for key, value in fields.items()
        }
        two = await stranger.client.refused(name, **never)
        assert (one["status"], two["status"]) == (404, 404), name
        assert one["detail"] == two["detail"], name

    history = (await house.owner.get(f"/v1/history/{house.organization_id}")).json()
    assert {entry["actor"] for entry in history["entries"]} == {"usr_owner"}


async def test_a_strangers_stream_is_told_forbidden_for_what_is_and_what_never_was(
    house: House, stranger: Person
) -> None:
    topics = (house.workspace, "workspace/org_never", "app")

    async with stranger.client.stream(*topics) as stream:
        ready = await stream.until_ready()

    refused = {event.data["topic"] for event in stream.named("forbidden")}
    assert refused == {house.workspace, "workspace/org_never"}
    assert set(ready.data["topics"]) == {"app"}


async def test_members_may_work_and_not_rule(house: House, stranger: Person) -> None:
    await house.join(stranger)

    created = await stranger.client.command(
        "task.create", repository_id=house.repository_id, prompt="true"
    )
    refusals = [
        await stranger.client.refused(name, organization_id=house.organization_id, **fields)
        for name, fields in (
            ("organization.update", {"name": "Mine"}),
            ("organization.set_role", {"user_id": stranger.id, "role": "owner"}),
            ("organization.remove_member", {"user_id": "usr_owner"}),
            ("organization.add_member", {"user_id": "usr_owner", "role": "member"}),
        )
    ]

    assert created.events[0] == "task_created"
    assert {(one["status"], one["code"]) for one in refusals} == {(403, "forbidden")}


async def test_an_admin_may_not_touch_owners(house: House, stranger: Person) -> None:
    await house.join(stranger, "admin")

    renamed = await stranger.client.command(
        "organization.update", organization_id=house.organization_id, name="Ours"
    )
    demoted = await stranger.client.refused(
        "organization.set_role",
        organization_id=house.organization_id,
        user_id="usr_owner",
        role="member",
    )
    promoted = await stranger.client.refused(
        "organization.set_role",
        organization_id=house.organization_id,
        user_id=stranger.id,
        role="owner",
    )

    assert renamed.events
    assert (demoted["status"], promoted["status"]) == (403, 403)


async def test_a_removed_member_loses_streams_views_and_commands(
    house: House, stranger: Person
) -> None:
    await house.join(stranger)
    created = await house.create_task()
    task = f"task/{created.ids['task_id']}"
    async with stranger.client.stream("app", house.workspace, task) as stream:
        await stream.until_ready()

        removed = await house.owner.command(
            "organization.remove_member",
            organization_id=house.organization_id,
            user_id=stranger.id,
        )
        view = await stranger.client.get(f"/v1/views/{house.workspace}", at_least=removed.position)
        refused = await stranger.client.refused(
            "task.rename", task_id=created.ids["task_id"], title="x"
        )
        while {event.data["topic"] for event in stream.named("gone")} != {house.workspace, task}:
            await stream.next()
        app = await stream.until_data("app", lambda data: not data["organizations"])

    assert problem(view)["status"] == 404
    assert refused["status"] == 404
    assert app["user"]["id"] == stranger.id


async def test_a_revoked_token_ends_its_streams(house: House, stranger: Person) -> None:
    async with stranger.client.stream("app") as stream:
        await stream.until_ready()
        await house.owner.command("token.revoke", token_id=stranger.token_id)

        events = await stream.rest()

    assert events[-1].name == "bye"
    assert events[-1].data["retry"] is False
    assert (await stranger.client.get("/v1/views/app")).status_code == 401


async def test_only_the_owner_of_the_installation_makes_users(stranger: Person) -> None:
    made = await stranger.client.refused("user.create", name="Friend")

    assert (made["status"], made["code"]) == (403, "forbidden")


async def test_who_comes_back_can_choose_what_they_had_chosen_before(
    house: House, stranger: Person
) -> None:
    task_id = (await house.create_task()).ids["task_id"]
    both = {"organization_id": house.organization_id, "user_id": stranger.id}
    await house.join(stranger)
    await stranger.client.command("organization.select", organization_id=house.organization_id)
    await stranger.client.command("task.select", task_id=task_id)
    await house.owner.command("organization.remove_member", **both)
    back = await house.join(stranger)
    forgotten = await stranger.client.data("app", at_least=back.position)

    await stranger.client.command("organization.select", organization_id=house.organization_id)
    last = await stranger.client.command("task.select", task_id=task_id)

    chosen = await stranger.client.data("app", at_least=last.position)
    selected = [one["selected_task_id"] for one in chosen["organizations"]]
    assert forgotten["active_organization_id"] is None
    assert (chosen["active_organization_id"], selected) == (house.organization_id, [task_id])
