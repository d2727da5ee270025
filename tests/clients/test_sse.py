"""The parser of event streams: the same events, however the network cut the bytes."""

from hypothesis import example, given
from hypothesis import strategies as st

from foundry_client.sse import Event, EventReader

BODY = (
    "\ufeffretry: 50\r\n\r\n: a comment\n"
    'event: snapshot\ndata: {"name":"Ünï \u2028 日本 🙂"}\nid: 1\n\n'
    "data: several\rdata: lines\rdata\r\r"
    "event: nothing\n\n"
    "id: 2\r\ndata:no space\r\n\r\n"
    "id: with\0nul\ndata:  two spaces\nunknown: field\n\n"
    "data: never ended"
).encode()
EVENTS = [
    Event("snapshot", '{"name":"Ünï \u2028 日本 🙂"}', "1"),
    Event("message", "several\nlines\n"),
    Event("message", "no space", "2"),
    Event("message", " two spaces"),
]


def read(pieces: list[bytes]) -> list[Event]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def test_a_stream_is_read_alike_cut_at_any_byte() -> None:
    for place in range(len(BODY) + 1):
        assert read([BODY[:place], BODY[place:]]) == EVENTS, place


def test_a_stream_is_read_alike_cut_at_any_two_bytes() -> None:
    for first in range(len(BODY)):
        for second in range(first, len(BODY), 7):
            pieces = [BODY[:first], BODY[first:second], BODY[second:]]
            assert read(pieces) == EVENTS, (first, second)


def test_a_stream_is_read_alike_byte_by_byte() -> None:
    assert read([bytes([byte]) for byte in BODY]) == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_rubbish_is_read_without_an_error(pieces: list[bytes]) -> None:
    assert read(pieces) == read([b"".join(pieces)])


WORDS = st.sampled_from(
    (b"retry: ", b"9" * 5000, b"\n", b"\r", b"id: 1", b"data:", b"\xef\xbb\xbf")
)


@given(st.lists(st.binary(max_size=6) | WORDS, max_size=12))
@example([b"retry: ", b"9" * 5000, b"\n"])
def test_near_misses_are_read_without_an_error(pieces: list[bytes]) -> None:
    assert read(pieces) == read([b"".join(pieces)])


def test_the_time_to_wait_is_taken_from_retry_lines_that_are_numbers() -> None:
    reader = EventReader()

    assert list(reader.feed(b"retry: 700\n\nretry: soon\n\n")) == []

    assert reader.retry_ms == 700
