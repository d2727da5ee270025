"""Plans, and what one fault does to the bytes of a stream, however they arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundry_client.chaos.damage import BYE, DRAIN, Damage, Leave, Send, Wait
from foundry_client.chaos.faults import Answer, AtByte, BadPlan, parse_plan

FRAMES = [
    b"retry: 50\n\n",
    'event: snapshot\ndata: {"name":"Ünï 日本"}\nid: 1\n\n'.encode(),
    b'event: change\ndata: {"a":1}\n\n',
]
BODY = b"".join(FRAMES)

offsets = st.integers(0, len(BODY))
cuts = st.sets(st.integers(1, len(BODY) - 1)).map(sorted)


def run(kind: str, offset: int, cuts: list[int]) -> tuple[bytes, list[Leave | Wait]]:
    """What was sent, and what else was done, when the body arrives in these pieces."""
    (fault,) = parse_plan(f"{kind}@{offset}")
    assert isinstance(fault, AtByte)
    damage = Damage(fault)
    sent, done = b"", []
    for start, end in zip([0, *cuts], [*cuts, len(BODY)], strict=True):
        for action in damage.feed(BODY[start:end]):
            if isinstance(action, Send):
                sent += action.data
            else:
                done.append(action)
        if Leave in map(type, done):
            break
    return sent, done


@given(offsets, cuts)
def test_a_cut_lets_exactly_its_bytes_through(offset: int, cuts: list[int]) -> None:
    sent, done = run("cut", offset, cuts)

    assert sent == BODY[:offset]
    assert done == [Leave("cut")]


@given(st.integers(0, len(BODY) - 1), cuts)
def test_a_delay_changes_no_byte(offset: int, cuts: list[int]) -> None:
    sent, done = run("delay", offset, cuts)

    assert sent == BODY
    assert done == [Wait()]


@given(st.integers(1, len(BODY)), cuts)
def test_the_frame_that_holds_the_byte_is_told_twice(offset: int, cuts: list[int]) -> None:
    sent, _ = run("duplicate", offset, cuts)

    again = next(n for n in range(3) if len(b"".join(FRAMES[: n + 1])) >= offset)
    assert sent == b"".join([*FRAMES[: again + 1], *FRAMES[again:]])


@given(st.integers(0, BODY.rindex("本".encode())), cuts)
def test_a_tear_goes_through_a_character(offset: int, cuts: list[int]) -> None:
    sent, done = run("tear", offset, cuts)

    assert BODY.startswith(sent)
    assert len(sent) > offset
    assert done == [Leave("cut")]
    with pytest.raises(UnicodeDecodeError):
        sent.decode()


@given(st.integers(1, len(FRAMES[0])), cuts)
def test_a_drain_is_put_between_two_frames(offset: int, cuts: list[int]) -> None:
    sent, done = run("drain", offset, cuts)

    assert sent == FRAMES[0] + DRAIN + b"".join(FRAMES[1:])
    assert done == []


@given(st.integers(1, len(FRAMES[0])), cuts)
def test_nothing_is_said_behind_a_bye(offset: int, cuts: list[int]) -> None:
    sent, done = run("bye", offset, cuts)

    assert sent == FRAMES[0] + BYE
    assert done == [Leave("end")]


def test_a_plan_names_one_fault_for_each_stream() -> None:
    plan = parse_plan("503,cut@2..9/3,stall@40")

    assert plan == [
        Answer(503),
        AtByte("cut", 2),
        AtByte("cut", 5),
        AtByte("cut", 8),
        AtByte("stall", 40),
    ]


def test_a_seed_draws_the_same_faults_every_time() -> None:
    assert parse_plan("random@42") == parse_plan("random@42")
    assert len(parse_plan("random@42")) == 5
    assert parse_plan("random@42") != parse_plan("random@43")


@pytest.mark.parametrize("text", ["what@1", "cut", "cut@", "cut@-1", "200", "cut@1..2/0", "cut@٣"])
def test_what_is_no_plan_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadPlan, match=text.partition("@")[0]):
        parse_plan(text)
