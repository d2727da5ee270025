"""Who may give which command, and what strangers are told."""

import asyncio

import pytest

from events.memory import MemoryStore
from runtime.errors import NotFound
from runtime.problems import Forbidden, Unauthenticated
from tests.commands.node import Node, acme, deaf_node_on, node_on, task_of


async def test_a_removed_members_command_is_refused_by_a_node_that_still_knows_them(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        bert = await first.person(place.owner, "Bert")
        of_bert = {"organization_id": place.organization_id, "user_id": bert.user_id}
        await first.submit(place.owner, "organization.add_member", role="member", **of_bert)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.submit(bert, "task.rename", title="Bert was here", **task)

        await first.submit(place.owner, "organization.remove_member", **of_bert)

        with pytest.raises(NotFound):
            await second.submit(bert, "task.rename", title="And again", **task)


async def test_a_revoked_tokens_command_is_refused_by_a_node_that_still_knows_it(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        owner = await first.owner()
        bert = await first.person(owner, "Bert")
        await second.submit(bert, "organization.create", name="Bert's")

        await first.submit(owner, "token.revoke", token_id=bert.credential_id)

        with pytest.raises(Unauthenticated):
            await second.submit(bert, "organization.create", name="Bert's second")


async def test_only_its_holder_and_the_first_owner_revoke_a_token(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    carl = await node.person(place.owner, "Carl")
    for person in (bert, carl):
        who = {"organization_id": place.organization_id, "user_id": person.user_id}
        await node.submit(place.owner, "organization.add_member", role="owner", **who)

    for token_id in (bert.credential_id, "tok_none"):
        with pytest.raises(NotFound) as refused:
            await node.submit(carl, "token.revoke", token_id=token_id)
        assert (
            refused.value.detail == "There is no such token, or you may not see it; check the id."
        )

    assert await node.access.surely_valid(bert)
    revoked = await node.submit(bert, "token.revoke", token_id=bert.credential_id)
    assert revoked.events == ["token_revoked"]


async def test_a_foreign_task_is_refused_with_the_words_for_one_that_never_was(node: Node) -> None:
    place = await acme(node)
    stranger = await node.person(place.owner, "Bert")
    task_id = (await task_of(node, place)).ids["task_id"]

    with pytest.raises(NotFound) as foreign:
        await node.submit(stranger, "task.rename", task_id=task_id, title="Mine")
    with pytest.raises(NotFound) as unknown:
        await node.submit(stranger, "task.rename", task_id="task_never", title="Mine")

    assert foreign.value.detail.replace(task_id, "task_never") == unknown.value.detail


@pytest.mark.parametrize("owner", ["task_never", "the task"])
async def test_a_session_id_that_is_taken_does_not_tell_a_stranger_whose_it_is(
    node: Node, owner: str
) -> None:
    place = await acme(node)
    stranger = await node.person(place.owner, "Bert")
    made = await task_of(node, place)
    task_id = made.ids["task_id"] if owner == "the task" else owner

    with pytest.raises(NotFound):
        await node.submit(
            stranger, "agent_session.create", task_id=task_id, session_id=made.ids["session_id"]
        )


@pytest.mark.parametrize("owner", ["org_never", "the organization"])
async def test_a_repository_id_that_is_taken_does_not_tell_a_stranger_whose_it_is(
    node: Node, owner: str
) -> None:
    place = await acme(node)
    stranger = await node.person(place.owner, "Bert")
    organization_id = place.organization_id if owner == "the organization" else owner

    with pytest.raises(NotFound):
        await node.submit(
            stranger,
            "repository.add",
            organization_id=organization_id,
            remote_url="https://example.com/acme/other",
            repository_id=place.repository_id,
        )


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("organization.update", {"organization_id": "{organization}", "name": "Mine"}),
        ("organization.select", {"organization_id": "{organization}"}),
        ("repository.add", {"organization_id": "{organization}", "remote_url": "https://a.org/b"}),
        ("repository.refresh", {"repository_id": "{repository}"}),
        ("repository.remove", {"repository_id": "{repository}"}),
        ("repository.act", {"repository_id": "{repository}", "action": "sync_repo"}),
        ("task.create", {"repository_id": "{repository}", "prompt": "x"}),
        ("task.push", {"task_id": "{task}"}),
        ("task.select", {"task_id": "{task}"}),
        ("process.start", {"task_id": "{task}", "command": "ls"}),
        ("agent_session.send", {"task_id": "{task}", "session_id": "{session}", "text": "x"}),
        (
            "agent_session.set_unread",
            {"task_id": "{task}", "session_id": "{session}", "unread": True},
        ),
        (
            "agent_session.update_draft",
            {"task_id": "{task}", "session_id": "{session}", "text": "x"},
        ),
        ("job.cancel", {"job_id": "{job}"}),
        ("issue.resolve", {"task_id": "{task}", "issue_id": "iss_1"}),
    ],
)
async def test_a_stranger_finds_nothing_of_an_organization(
    node: Node, command: str, fields: dict[str, object]
) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    stranger = await node.person(place.owner, "Bert")
    there = {
        "organization": place.organization_id,
        "repository": place.repository_id,
        "task": made.ids["task_id"],
        "session": made.ids["session_id"],
        "job": made.ids["job_id"],
    }
    filled = {
        name: value.format(**there) if isinstance(value, str) else value
        for name, value in fields.items()
    }
    head = await node.store.head()

    with pytest.raises(NotFound):
        await node.submit(stranger, command, **filled)

    assert await node.store.head() == head


async def test_members_work_and_do_not_administer(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    in_acme = {"organization_id": place.organization_id}
    await node.submit(
        place.owner, "organization.add_member", user_id=bert.user_id, role="member", **in_acme
    )

    await node.submit(bert, "task.create", repository_id=place.repository_id, prompt="x")
    for command, fields in (
        ("organization.update", {"name": "Mine"}),
        ("organization.add_member", {"user_id": bert.user_id, "role": "owner"}),
        ("organization.set_role", {"user_id": bert.user_id, "role": "owner"}),
        ("organization.remove_member", {"user_id": place.owner.user_id}),
    ):
        with pytest.raises(Forbidden):
            await node.submit(bert, command, **in_acme, **fields)


async def test_admins_administer_all_but_owners(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    carl = await node.person(place.owner, "Carl")
    in_acme = {"organization_id": place.organization_id}
    await node.submit(
        place.owner, "organization.add_member", user_id=bert.user_id, role="admin", **in_acme
    )

    await node.submit(
        bert, "organization.add_member", user_id=carl.user_id, role="member", **in_acme
    )
    for command, fields in (
        ("organization.set_role", {"user_id": carl.user_id, "role": "owner"}),
        ("organization.set_role", {"user_id": place.owner.user_id, "role": "member"}),
        ("organization.remove_member", {"user_id": place.owner.user_id}),
    ):
        with pytest.raises(Forbidden):
            await node.submit(bert, command, **in_acme, **fields)


async def test_who_became_an_admin_elsewhere_a_moment_ago_may_add_people(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        bert = await first.person(await first.owner(), "Bert")
        await first.submit(bert, "organization.create", name="Bert's")

        async with asyncio.TaskGroup() as tasks:
            adding = tasks.create_task(second.submit(bert, "user.create", name="Carl"))
            hearing = tasks.create_task(second.feed.run())
            await asyncio.wait([adding])
            hearing.cancel()

    assert adding.result().events == ["user_created"]


async def test_people_are_added_by_those_who_administer_something(node: Node) -> None:
    owner = await node.owner()
    bert = await node.person(owner, "Bert")

    with pytest.raises(Forbidden):
        await node.submit(bert, "user.create", name="Carl")
    await node.submit(bert, "organization.create", name="Bert's")
    carl = await node.submit(bert, "user.create", name="Carl")

    with pytest.raises(Forbidden):
        await node.submit(bert, "token.create", user_id=carl.ids["user_id"])
