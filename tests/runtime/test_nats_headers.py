"""Our own reading of message headers says what nats-py's says, wherever the server itself wrote them."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from runtime.nats_headers import field, number_in, status_in, value_in

NAMES = st.sampled_from(("Nats-Sequence", "Nats-Msg-Id", "Nats-Subject", "Sequence"))
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")))
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(LINES, NAMES)
@example([("Nats-Sequence", "7"), ("Nats-Subject", "evt.task.task_1")], "Nats-Sequence")
@example([("Nats-Sequence", "from whoever sent it"), ("Nats-Sequence", "7")], "Nats-Sequence")
@example([("Nats-Msg-Id", "Nats-Sequence: 8"), ("Nats-Sequence", "7")], "Sequence")
def test_a_value_is_what_nats_py_reads(lines: list[tuple[str, str]], name: str) -> None:
    raw = "".join(f"{one}: {value}\r\n" for one, value in lines).encode() + b"\r\n"

    found = value_in(b"NATS/1.0\r\n" + raw, field(name))

    assert found == (Client._parse_header_lines(raw) or {}).get(name, "")


def test_only_the_servers_own_word_has_a_status() -> None:
    assert status_in(b"NATS/1.0 404 Message Not Found\r\n\r\n") == "404"
    assert status_in(b"NATS/1.0 503\r\n\r\n") == "503"
    assert status_in(b"NATS/1.0\r\nNats-Sequence: 7\r\n\r\n") is None
    assert status_in(b"") is None


def test_a_number_is_read_as_one_and_anything_else_is_none() -> None:
    block = b"NATS/1.0\r\nNats-Sequence: 7\r\nNats-Subject: evt.task.task_1\r\nEmpty:\r\n\r\n"

    assert number_in(block, field("Nats-Sequence")) == 7
    assert number_in(block, field("Nats-Subject")) == -1
    assert number_in(block, field("Empty")) == -1
    assert number_in(block, field("Nats-Pending")) == -1
    assert number_in(b"NATS/1.0\r\nCut-Off: 7", field("Cut-Off")) == -1
