"""A message as it goes to the server: whole, and never more than one."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats import errors
from nats.aio.msg import Msg

from runtime.connection import connect
from runtime.nats_publication import publication
from tests.nats_process import NatsServer

LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


def test_a_message_without_headers_is_one_pub() -> None:
    assert publication("evt.task.task_1", "", b"body", {}) == b"PUB evt.task.task_1 4\r\nbody\r\n"


def test_headers_are_counted_into_the_size() -> None:
    message = publication("a.b", "answers.1", b"body", {"One": "1", "Two": "ü"})

    block = "NATS/1.0\r\nOne: 1\r\nTwo: ü\r\n\r\n".encode()
    head = b"HPUB a.b answers.1 %d %d\r\n" % (len(block), len(block) + 4)
    assert message == head + block + b"body\r\n"


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0\r\n", "a\tb", "a\u2028b", "a\x00b"])
def test_a_subject_that_is_not_one_word_is_refused(subject: str) -> None:
    with pytest.raises(errors.BadSubjectError):
        publication(subject, "", b"", {})


@pytest.mark.parametrize("reply", ["a b", "a\r\nb"])
def test_a_reply_subject_that_is_not_one_word_is_refused(reply: str) -> None:
    with pytest.raises(errors.BadSubjectError):
        publication("a", reply, b"", {})


@pytest.mark.parametrize(("name", "value"), [("A", "1\r\nB: 2"), ("A", "1\nB"), ("A\r\nB", "1")])
def test_a_header_of_more_than_one_line_is_refused(name: str, value: str) -> None:
    with pytest.raises(errors.BadHeaderError):
        publication("a", "", b"", {name: value})


@given(value=LINE, body=st.binary(max_size=200))
def test_only_the_body_stands_behind_the_head(value: str, body: bytes) -> None:
    message = publication("a.b", "", body, {"Name": value})

    head, _, rest = message.partition(b"\r\n")
    _, _, block, size = head.split()
    assert rest[int(block) :] == body + b"\r\n"
    assert len(rest) == int(size) + 2


async def test_a_server_reads_what_was_sent_in_one_turn_as_so_many_messages(
    nats_server: NatsServer,
) -> None:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        heard: asyncio.Queue[Msg] = asyncio.Queue()
        await connection.client.subscribe("said", cb=heard.put)

        for number in range(3):
            connection.client.send(
                "said", "", b"%d" % number, {"Name": "Bär", "Number": str(number)}
            )

        async with asyncio.timeout(5):
            messages = [await heard.get() for _ in range(3)]
    assert [one.data for one in messages] == [b"0", b"1", b"2"]
    assert [one.headers for one in messages] == [
        {"Name": "Bär", "Number": str(number)} for number in range(3)
    ]


async def test_nothing_is_kept_for_a_connection_that_is_down(nats_server: NatsServer) -> None:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        client = connection.client
    with pytest.raises(errors.ConnectionClosedError):
        client.send("said", "", b"", {})
