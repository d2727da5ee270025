"""Our own reading of message headers says what nats-py's says, for any bytes."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from runtime.nats_client import NatsClient

PIECES = (
    b"Nats-Sequence",
    b"Status",
    b":",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x0b",
    b"\x1c",
    b"\x85",
    b"\xa0",
    "ü".encode(),
    b"\xff",
    b"x",
)


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=30).map(
        lambda pieces: b"".join(pieces)
    )
)
@example(b"Nats-Subject: evt.task.task_1\r\nNats-Sequence: 7\r\n\r\n")
@example(b"Na me: x\r\n: y\r\n\x1cName: z\r\nName:\t\xff \r\n")
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    assert NatsClient._parse_header_lines(raw) == Client._parse_header_lines(raw)
