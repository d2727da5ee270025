"""Too much at once: refused early with a word on when to come back, and what was let in is not slowed by the rest."""

import asyncio
from collections import Counter
from contextlib import closing

import httpx
import msgspec

from tests.system.conftest import Enter, StartNode
from tests.system.people import Person
from tests.system.raw_http import RawConnection

AT_ONCE = 4
CLIENTS = 64


async def test_more_than_can_be_done_at_once_is_refused_and_nothing_answered_is_lost(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_MAX_REQUESTS=str(AT_ONCE))
    client = await enter(node.address, node.token)

    answers = await asyncio.gather(
        *(
            client.submit("organization.create", name=f"Number {number}")
            for number in range(CLIENTS)
        )
    )

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 429}
    assert statuses[202] >= AT_ONCE
    assert statuses[429] > 0
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert refused.json()["code"] == "too_many_requests"
        assert int(refused.headers["retry-after"]) >= 1
    made = [answer.json() for answer in answers if answer.status_code == 202]
    data = await client.data("app", at_least=max(one["position"] for one in made))
    there = {one["id"] for one in data["organizations"]}
    assert there == {one["ids"]["organization_id"] for one in made}
    metrics = (await client.get("/metrics")).text
    assert f'foundry_refused_total{{component="commands"}} {statuses[429]}.0' in metrics


async def test_who_is_refused_gets_through_by_coming_back_as_told(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_MAX_REQUESTS="1")
    client = await enter(node.address, node.token)

    async def persistent(number: int) -> httpx.Response:
        while True:
            answer = await client.submit("organization.create", name=f"Number {number}")
            if answer.status_code != 429:
                return answer

    answers = await asyncio.gather(*(persistent(number) for number in range(8)))

    assert {answer.status_code for answer in answers} == {202}


async def test_a_batch_that_was_let_in_gets_all_its_lines_done(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_MAX_REQUESTS="1")
    client = await enter(node.address, node.token)
    lines = b"\n".join(
        msgspec.json.encode({"name": "organization.create", "data": {"name": f"Number {number}"}})
        for number in range(20)
    )

    batches = await asyncio.gather(*(client.batch(lines) for _ in range(3)))

    statuses = [
        msgspec.json.decode(line)["status"]
        for batch in batches
        for line in batch.content.splitlines()
    ]
    assert statuses == [202] * 60


async def test_one_persons_script_is_held_up_and_nobody_else_is(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_MAX_REQUESTS="16", FOUNDRY_MAX_REQUESTS_PER_PERSON="4")
    owner = await enter(node.address, node.token)
    script = await Person.arrive(owner, enter, "Script")
    enough = asyncio.Event()
    answers: Counter[int] = Counter()

    async def flood() -> None:
        while not enough.is_set():
            answer = await script.client.submit("organization.create", name="Again")
            answers[answer.status_code] += 1
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1

    floods = [asyncio.create_task(flood()) for _ in range(CLIENTS)]
    try:
        created = [await owner.submit("organization.create", name=f"{n}") for n in range(20)]
        seen = [await owner.get("/v1/views/app") for _ in range(20)]
    finally:
        enough.set()
        await asyncio.gather(*floods)

    assert {answer.status_code for answer in created} == {202}
    assert {answer.status_code for answer in seen} == {200}
    assert answers[429] > 0
    assert answers[202] > 0
    assert set(answers) == {202, 429}
    # All that was taken was given back.
    assert (await script.client.submit("organization.create", name="One")).status_code == 202


async def test_a_head_without_end_is_refused_with_a_problem(start_node: StartNode) -> None:
    node = start_node()
    connection = await RawConnection.open(node.address)
    connection.send(b"GET /healthz HTTP/1.1\r\n")

    with closing(connection):
        answer = await connection.answer_to_endless(
            b"X-Long: " + b"x" * 1000 + b"\r\n", limit=2**24
        )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"65536" in answer.body
