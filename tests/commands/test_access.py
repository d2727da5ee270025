"""Who is asking: tokens, the owner's token of any form, cookies, roles."""

import pytest

from commands.access import AccessControl
from commands.credentials import OWNER, new_token, possible_users
from commands.first_owner import ensure_owner
from commands.login_codes import LIFETIME_MS as CODE_LIFETIME_MS
from commands.login_codes import LoginCodes
from commands.sign_in import LIFETIME_MS, SignIn
from events.ids import Position, UserId
from events.memory import MemoryStore
from runtime.identity import Access
from runtime.problems import Unauthenticated
from tests.commands.node import OWNER_TOKEN, Node, acme, deaf_node_on, key, node_on, task_of


def signing_in(node: Node) -> tuple[SignIn, LoginCodes]:
    codes = LoginCodes(node.now)
    return SignIn(node.access, node.reports, codes, node.now), codes


def test_membership_is_the_access_everybody_asks(node: Node) -> None:
    access: Access = node.access

    assert isinstance(access, AccessControl)


def test_a_token_names_its_user() -> None:
    token = new_token(UserId("usr_a_b_c"))

    assert token.startswith("fdy_a_b_c_")
    assert possible_users(token) == ["usr_a_b_c", OWNER]


@pytest.mark.parametrize("text", ["", "x", "fdy_", "fdy__", "fdy_>.*_x", "fdy_A_x", "é" * 50])
def test_text_of_any_form_may_only_be_the_owners(text: str) -> None:
    assert possible_users(text) == [OWNER]


@pytest.mark.parametrize("token", ["hunter2", "fdy_bert_123", "  spaced  ", "pässwörd", "_", "."])
async def test_the_owners_token_may_be_any_text(node: Node, token: str) -> None:
    assert await ensure_owner(node.reports, token, now=node.now())

    as_header = token.strip().encode().decode("latin-1")
    assert (await node.caller(token.strip())).user_id == OWNER
    assert (await node.caller(as_header)).user_id == OWNER
    assert await node.access.identify(token.strip() + "x") is None


async def test_the_owner_is_made_once_however_many_nodes_start(memory_store: MemoryStore) -> None:
    async with node_on(memory_store) as first, node_on(memory_store) as second:
        await ensure_owner(first.reports, "one", now=first.now())
        await ensure_owner(second.reports, "two", now=second.now())
        await ensure_owner(first.reports, "one", now=first.now())

        head = await memory_store.head()
        stored = [await memory_store.at(Position(position)) for position in (1, 2)]
        callers = [await second.caller("one"), await first.caller("two")]

    assert head == 2
    assert [recorded and recorded.commit.actor for recorded in stored] == ["node", "node"]
    assert [caller.user_id for caller in callers] == [OWNER, OWNER]


async def test_a_revoked_token_of_the_owner_stays_revoked(node: Node) -> None:
    owner = await node.owner()
    await node.submit(owner, "token.revoke", token_id=owner.credential_id)

    assert not await ensure_owner(node.reports, OWNER_TOKEN, now=node.now())
    assert await node.access.identify(OWNER_TOKEN) is None


async def test_a_token_is_shown_once_and_works_until_it_expires(node: Node) -> None:
    owner = await node.owner()
    fields = {"expires_at": node.clock + 1000}

    made = await node.submit(owner, "token.create", key("token"), **fields)
    again = await node.submit(owner, "token.create", key("token"), **fields)

    assert isinstance(made.secret, str)
    assert not isinstance(again.secret, str)
    caller = await node.caller(made.secret)
    assert await node.access.still_valid(caller)
    node.clock += 1000
    assert await node.access.identify(made.secret) is None
    assert not await node.access.still_valid(caller)


async def test_a_token_made_elsewhere_a_moment_ago_is_known(memory_store: MemoryStore) -> None:
    async with node_on(memory_store) as first:
        owner = await first.owner()
        async with node_on(memory_store) as second:
            await second.caller(OWNER_TOKEN)
            made = await first.submit(owner, "token.create")

            assert isinstance(made.secret, str)
            assert (await second.caller(made.secret)).user_id == OWNER


async def test_somebodys_token_is_revoked_by_themselves_or_the_first_owner(node: Node) -> None:
    owner = await node.owner()
    bert, carl = await node.person(owner, "Bert"), await node.person(owner, "Carl")
    of_bert = {"token_id": bert.credential_id}

    with pytest.raises(Exception, match="There is no such token"):
        await node.submit(carl, "token.revoke", **of_bert)
    assert (await node.submit(bert, "token.revoke", **of_bert)).events == ["token_revoked"]
    assert not await node.access.still_valid(bert)


async def test_topics_belong_to_organizations_and_organizations_have_members(node: Node) -> None:
    place = await acme(node)
    stranger = await node.person(place.owner, "Bert")
    made = await task_of(node, place)
    await node.reached(made.position)

    for topic in (
        f"workspace/{place.organization_id}",
        f"repository/{place.repository_id}",
        f"task/{made.ids['task_id']}",
        f"files/{made.ids['task_id']}",
        f"processes/{made.ids['task_id']}",
        f"job/{made.ids['job_id']}",
        f"transcript/{made.ids['session_id']}",
    ):
        assert await node.access.organization_of(topic) == place.organization_id
    for topic in ("app", "task/task_never", f"task/{made.ids['job_id']}", "moon/task_1", "task/>"):
        assert await node.access.organization_of(topic) is None
    assert await node.access.is_member(place.owner, place.organization_id)
    for organization in (place.organization_id, "org_never", "org_>"):
        assert not await node.access.is_member(stranger, organization)


async def test_a_member_added_elsewhere_a_moment_ago_is_one(memory_store: MemoryStore) -> None:
    async with node_on(memory_store) as first, deaf_node_on(memory_store) as second:
        place = await acme(first)
        bert = await first.person(place.owner, "Bert")
        assert not await second.access.is_member(bert, place.organization_id)

        added = {"organization_id": place.organization_id, "user_id": bert.user_id}
        await first.submit(place.owner, "organization.add_member", **added, role="member")

        assert await second.access.is_member(bert, place.organization_id)


async def test_a_cookie_works_until_it_is_signed_out(node: Node) -> None:
    await node.owner()
    sign_in, _ = signing_in(node)

    signed_in = await sign_in.by_token(OWNER_TOKEN)
    caller = await node.caller(signed_in.secret)
    await sign_in.end(signed_in.secret)

    assert (caller.user_id, caller.name) == (OWNER, "Owner")
    assert await node.access.identify(signed_in.secret) is None


async def test_a_cookie_ends_after_thirty_days(node: Node) -> None:
    await node.owner()
    sign_in, _ = signing_in(node)
    signed_in = await sign_in.by_token(OWNER_TOKEN)

    node.clock += LIFETIME_MS

    assert await node.access.identify(signed_in.secret) is None


async def test_a_code_signs_in_once_within_ten_minutes(node: Node) -> None:
    await node.owner()
    sign_in, codes = signing_in(node)
    code, late = codes.issue(OWNER), codes.issue(OWNER)

    signed_in = await sign_in.by_code(code)

    assert (await node.caller(signed_in.secret)).user_id == OWNER
    node.clock += CODE_LIFETIME_MS
    for worthless in (code, late, "never"):
        with pytest.raises(Unauthenticated):
            await sign_in.by_code(worthless)


async def test_signing_out_with_a_token_leaves_the_token_alone(node: Node) -> None:
    owner = await node.owner()
    sign_in, _ = signing_in(node)

    await sign_in.end(OWNER_TOKEN)

    assert await node.access.still_valid(owner)
