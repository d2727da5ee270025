"""Orders from key look-up to append: repeated, raced, refused, on one node and on two."""

import asyncio

import pytest

from commands.session_reports import session_ready
from commands.task import TASK
from commands.task_reports import task_provisioned
from events.ids import JobId, Position, SessionId
from events.memory import MemoryStore
from runtime.errors import Conflict, Invalid, NotFound, Rejected, Unavailable
from runtime.problems import Forbidden, TooLarge, Unauthenticated, VersionMismatch
from tests.commands.node import Node, acme, deaf_node_on, key, node_on, task_of

# --- Creating ---


async def test_creating_a_task_answers_its_ids_and_one_commit(node: Node) -> None:
    place = await acme(node)

    answer = await task_of(node, place)

    assert answer.events == [
        "task_created",
        "agent_session_created",
        "message_queued",
        "job_announced",
    ]
    assert {"task_id", "session_id", "message_id", "job_id"} <= answer.ids.keys()
    assert answer.position == await node.store.head()


async def test_a_create_takes_the_id_it_is_given_once(node: Node) -> None:
    place = await acme(node)

    made = await task_of(node, place, task_id="task_mine")

    assert made.ids["task_id"] == "task_mine"
    with pytest.raises(Conflict) as refused:
        await task_of(node, place, task_id="task_mine")
    assert refused.value.code == "already_exists"


async def test_an_id_that_something_of_others_has_cannot_be_taken(node: Node) -> None:
    place = await acme(node)
    other = await acme(node, await node.person(place.owner, "Bert"))
    session_id = (await task_of(node, place)).ids["session_id"]
    task_id = (await task_of(node, other)).ids["task_id"]

    with pytest.raises(Conflict):
        await node.order(
            other.owner, "agent_session.create", task_id=task_id, session_id=session_id
        )
    with pytest.raises(Conflict):
        await node.order(
            other.owner,
            "repository.add",
            organization_id=other.organization_id,
            remote_url="https://example.com/acme/other",
            repository_id=place.repository_id,
        )


async def test_a_repository_that_was_added_elsewhere_a_moment_ago_is_found(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, node_on(memory_store) as second:
        place = await acme(first)

        answer = await task_of(second, place)

    assert answer.events[0] == "task_created"


async def test_a_prompt_that_would_not_fit_into_one_commit_is_too_large(node: Node) -> None:
    place = await acme(node)
    prompt = "界" * 150_000

    with pytest.raises(TooLarge):
        await node.order(
            place.owner, "task.create", repository_id=place.repository_id, prompt=prompt
        )


# --- Coming again ---


async def test_the_same_key_again_gives_the_same_answer_after_all_caches_are_gone(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first:
        place = await acme(first)
        before = await task_of(first, place, key("create"))
    head = await memory_store.head()

    async with node_on(memory_store) as second:
        again = await task_of(second, place, key("create"))
    async with deaf_node_on(memory_store) as third:
        own = {"task_id": before.ids["task_id"], "title": "Mend login"}
        renamed = await third.order(place.owner, "task.rename", key("rename"), **own)
        once_more = await third.order(place.owner, "task.rename", key("rename"), **own)

    assert again == before
    assert once_more == renamed
    assert await memory_store.head() == head + 1


async def test_a_retry_is_answered_although_the_caller_may_not_do_it_any_more(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    of_bert = {"organization_id": place.organization_id, "user_id": bert.user_id}
    await node.order(place.owner, "organization.add_member", role="member", **of_bert)
    task = {"repository_id": place.repository_id, "prompt": "Fix login"}
    made = await node.order(bert, "task.create", key("create"), **task)
    await node.order(place.owner, "organization.remove_member", **of_bert)

    assert await node.order(bert, "task.create", key("create"), **task) == made


async def test_a_key_with_another_body_is_refused(node: Node) -> None:
    place = await acme(node)
    task = {"task_id": (await task_of(node, place)).ids["task_id"]}
    await node.order(place.owner, "task.rename", key("k"), title="One", **task)

    with pytest.raises(Rejected) as refused:
        await node.order(place.owner, "task.rename", key("k"), title="Two", **task)

    assert refused.value.code == "key_reused"


async def test_a_key_that_was_used_for_another_aggregate_is_refused(node: Node) -> None:
    place = await acme(node)
    one = (await task_of(node, place)).ids["task_id"]
    two = (await task_of(node, place)).ids["task_id"]
    used = await node.order(place.owner, "task.rename", key("k"), task_id=one, title="One")
    await node.reached(used.position)

    with pytest.raises(Rejected) as refused:
        await node.order(place.owner, "task.rename", key("k"), task_id=two, title="One")

    assert refused.value.code == "key_reused"


async def test_a_key_belongs_to_its_caller_and_its_command(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    task = (await task_of(node, place, key("k"))).ids["task_id"]

    named = await node.order(place.owner, "task.rename", key("k"), task_id=task, title="One")
    made = await node.order(bert, "organization.create", key("k"), name="Bert's")

    assert (named.events, made.events) == (["task_renamed"], ["organization_created"])


async def test_a_key_with_another_body_is_refused_by_a_node_that_knows_nothing_of_it_yet(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.order(place.owner, "task.rename", title="Known to both", **task)
        await first.order(place.owner, "task.rename", key("k"), title="One", **task)

        with pytest.raises(Rejected) as refused:
            await second.order(place.owner, "task.rename", key("k"), title="Two", **task)

    assert refused.value.code == "key_reused"


async def test_what_changes_nothing_answers_the_last_position_and_no_events(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"]}
    named = await node.order(place.owner, "task.rename", title="One", **task)
    await node.order(place.owner, "organization.create", name="Something else")

    again = await node.order(place.owner, "task.rename", title="One", **task)

    assert (again.events, again.position) == ([], named.position)


async def test_many_requests_with_one_key_at_once_make_one_commit(node: Node) -> None:
    place = await acme(node)
    head = await node.store.head()

    answers = await asyncio.gather(*(task_of(node, place, key("create")) for _ in range(20)))

    assert all(answer == answers[0] for answer in answers)
    assert await node.store.head() == head + 1


# --- Racing ---


async def test_two_nodes_that_know_only_old_states_lose_no_command(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.order(place.owner, "task.rename", title="Known to both", **task)

        titles = [f"Title {number}" for number in range(20)]
        answers = await asyncio.gather(
            *(
                (first, second)[number % 2].order(place.owner, "task.rename", title=title, **task)
                for number, title in enumerate(titles)
            )
        )

    assert len({answer.position for answer in answers}) == 20


async def test_an_old_state_answers_neither_nothing_to_do_nor_a_refusal(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        made = await task_of(first, place)
        session = {name: made.ids[name] for name in ("task_id", "session_id")}
        await second.order(place.owner, "task.rename", task_id=made.ids["task_id"], title="One")
        await first.order(place.owner, "task.rename", task_id=made.ids["task_id"], title="Two")
        more = await first.order(place.owner, "agent_session.create", task_id=session["task_id"])

        back = await second.order(
            place.owner, "task.rename", task_id=made.ids["task_id"], title="One"
        )
        sent = await second.order(
            place.owner,
            "agent_session.send",
            task_id=session["task_id"],
            session_id=more.ids["session_id"],
            text="hello",
        )

    assert (back.events, sent.events) == (["task_renamed"], ["message_queued"])


# --- Versions ---


async def test_a_version_older_than_the_last_command_does_not_match(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    task = {"task_id": made.ids["task_id"]}
    await node.order(place.owner, "task.rename", title="One", **task)

    for asked in (
        {"if_match": f'"{made.position}"'},
        {"if_match": f'W/"abc-1.{made.position}"'},
        {"if_match": '"something else"'},
        {"expected_version": made.position},
    ):
        with pytest.raises(VersionMismatch):
            await node.order(place.owner, "task.rename", title="Two", **task, **asked)


@pytest.mark.parametrize("spelling", ['"{}"', 'W/"e-1.{}"', '"x", "e.{}"', "{}", "*"])
async def test_a_version_at_the_last_command_matches_however_it_is_spelt(
    node: Node, spelling: str
) -> None:
    place = await acme(node)
    made = await task_of(node, place)

    answer = await node.order(
        place.owner,
        "task.rename",
        if_match=spelling.format(made.position),
        task_id=made.ids["task_id"],
        title="One",
    )

    assert answer.events == ["task_renamed"]


async def test_what_workers_report_does_not_count_as_a_change(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)
    await node.reports.report(
        TASK,
        made.ids["task_id"],
        lambda task: session_ready(task, session_id=SessionId(made.ids["session_id"])),
        report_id="ready",
    )

    answer = await node.order(
        place.owner,
        "task.rename",
        task_id=made.ids["task_id"],
        title="One",
        expected_version=made.position,
    )

    assert answer.events == ["task_renamed"]


async def test_nothing_matches_any_version_of_what_is_not_there(node: Node) -> None:
    with pytest.raises(VersionMismatch):
        await node.order(await node.owner(), "organization.create", if_match="*", name="Acme")


# --- Rights ---


async def test_a_removed_members_command_is_refused_by_a_node_that_still_knows_them(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        bert = await first.person(place.owner, "Bert")
        of_bert = {"organization_id": place.organization_id, "user_id": bert.user_id}
        await first.order(place.owner, "organization.add_member", role="member", **of_bert)
        task = {"task_id": (await task_of(first, place)).ids["task_id"]}
        await second.order(bert, "task.rename", title="Bert was here", **task)

        await first.order(place.owner, "organization.remove_member", **of_bert)

        with pytest.raises(NotFound):
            await second.order(bert, "task.rename", title="And again", **task)


async def test_a_revoked_tokens_command_is_refused_by_a_node_that_still_knows_it(
    memory_store: MemoryStore,
) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        owner = await first.owner()
        bert = await first.person(owner, "Bert")
        await second.order(bert, "organization.create", name="Bert's")

        await first.order(owner, "token.revoke", token_id=bert.credential_id)

        with pytest.raises(Unauthenticated):
            await second.order(bert, "organization.create", name="Bert's second")


async def test_a_foreign_task_is_refused_with_the_words_for_one_that_never_was(node: Node) -> None:
    place = await acme(node)
    stranger = await node.person(place.owner, "Bert")
    task_id = (await task_of(node, place)).ids["task_id"]

    with pytest.raises(NotFound) as foreign:
        await node.order(stranger, "task.rename", task_id=task_id, title="Mine")
    with pytest.raises(NotFound) as unknown:
        await node.order(stranger, "task.rename", task_id="task_never", title="Mine")

    assert foreign.value.detail.replace(task_id, "task_never") == unknown.value.detail


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
        await node.order(stranger, command, **filled)

    assert await node.store.head() == head


async def test_members_work_and_do_not_administer(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    in_acme = {"organization_id": place.organization_id}
    await node.order(
        place.owner, "organization.add_member", user_id=bert.user_id, role="member", **in_acme
    )

    await node.order(bert, "task.create", repository_id=place.repository_id, prompt="x")
    for command, fields in (
        ("organization.update", {"name": "Mine"}),
        ("organization.add_member", {"user_id": bert.user_id, "role": "owner"}),
        ("organization.set_role", {"user_id": bert.user_id, "role": "owner"}),
        ("organization.remove_member", {"user_id": place.owner.user_id}),
    ):
        with pytest.raises(Forbidden):
            await node.order(bert, command, **in_acme, **fields)


async def test_admins_administer_all_but_owners(node: Node) -> None:
    place = await acme(node)
    bert = await node.person(place.owner, "Bert")
    carl = await node.person(place.owner, "Carl")
    in_acme = {"organization_id": place.organization_id}
    await node.order(
        place.owner, "organization.add_member", user_id=bert.user_id, role="admin", **in_acme
    )

    await node.order(
        bert, "organization.add_member", user_id=carl.user_id, role="member", **in_acme
    )
    for command, fields in (
        ("organization.set_role", {"user_id": carl.user_id, "role": "owner"}),
        ("organization.set_role", {"user_id": place.owner.user_id, "role": "member"}),
        ("organization.remove_member", {"user_id": place.owner.user_id}),
    ):
        with pytest.raises(Forbidden):
            await node.order(bert, command, **in_acme, **fields)


async def test_people_are_added_by_those_who_administer_something(node: Node) -> None:
    owner = await node.owner()
    bert = await node.person(owner, "Bert")

    with pytest.raises(Forbidden):
        await node.order(bert, "user.create", name="Carl")
    made = await node.order(bert, "organization.create", name="Bert's")
    await node.reached(made.position)
    carl = await node.order(bert, "user.create", name="Carl")

    with pytest.raises(Forbidden):
        await node.order(bert, "token.create", user_id=carl.ids["user_id"])


# --- Jobs, repositories, limits of what there is ---


async def test_a_second_refresh_answers_the_job_that_is_open_already(node: Node) -> None:
    place = await acme(node)
    added = await node.store.last(f"evt.organization.{place.organization_id}")
    assert added is not None

    answer = await node.order(place.owner, "repository.refresh", repository_id=place.repository_id)

    assert answer.events == []
    assert answer.ids["job_id"] == added.commit.ids["job_id"]


async def test_a_second_archive_answers_the_job_that_is_open_already(node: Node) -> None:
    place = await acme(node)
    task = {"task_id": (await task_of(node, place)).ids["task_id"]}

    first = await node.order(place.owner, "task.archive", **task)
    second = await node.order(place.owner, "task.archive", **task)

    assert (second.events, second.ids) == ([], first.ids)


async def test_a_repository_is_not_removed_while_a_task_is_at_work(node: Node) -> None:
    place = await acme(node)
    made = await task_of(node, place)

    with pytest.raises(Rejected):
        await node.order(place.owner, "repository.remove", repository_id=place.repository_id)
    await node.order(
        place.owner,
        "agent_session.cancel_message",
        task_id=made.ids["task_id"],
        session_id=made.ids["session_id"],
        message_id=made.ids["message_id"],
    )
    await node.reports.report(
        TASK,
        made.ids["task_id"],
        lambda task: task_provisioned(task, job_id=JobId(made.ids["job_id"])),
        report_id="provisioned",
    )
    gone = await node.order(place.owner, "repository.remove", repository_id=place.repository_id)

    assert gone.events == ["repository_removed"]


async def test_a_local_path_outside_the_allowed_folder_is_malformed(node: Node) -> None:
    place = await acme(node)

    with pytest.raises(Invalid):
        await node.order(
            place.owner,
            "repository.add",
            organization_id=place.organization_id,
            remote_url="/etc",
        )


async def test_a_store_that_cannot_be_reached_makes_nothing_certain_and_the_key_settles_it(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await acme(node)
    append = node.store.append

    async def stored_and_lost(*args: object, **more: object) -> Position:
        await append(*args, **more)  # type: ignore[arg-type]
        raise Unavailable("The answer was lost.")

    with monkeypatch.context() as broken:
        broken.setattr(node.store, "append", stored_and_lost)
        with pytest.raises(Unavailable):
            await task_of(node, place, key("create"))
    head = await node.store.head()

    answer = await task_of(node, place, key("create"))

    assert (answer.position, await node.store.head()) == (head, head)
