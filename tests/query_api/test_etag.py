"""Entity tags and the question whether one is still held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ids import Position
from query_api.etag import etag, still_held

CURRENT = etag("a1b2", Position(7))


@pytest.mark.parametrize(
    "line",
    ['"a1b2.7"', 'W/"a1b2.7"', '"x", "a1b2.7"', '"x",W/"a1b2.7" , "y"', "*", ' , "a1b2.7"'],
)
def test_the_current_tag_is_found_in_the_header(line: str) -> None:
    assert still_held([line], CURRENT)


@pytest.mark.parametrize(
    "line",
    ['"a1b2.8"', '"a1b2.77"', "a1b2.7", '"a1b2.7', 'x"a1b2.7"', "", '"x" "a1b2.7"', '"a1b2.7"x'],
)
def test_another_tag_or_no_tag_at_all_is_not_held(line: str) -> None:
    assert not still_held([line], CURRENT)


def test_the_header_may_come_in_several_lines() -> None:
    assert still_held(['"x"', CURRENT], CURRENT)


def test_an_absurd_header_is_read_in_no_time() -> None:
    assert not still_held(['"x",' * 20_000 + '"'], CURRENT)


TAGS = st.sampled_from((CURRENT, "W/", '"', ",", " ", "*", '"x"', "\xff", "\u2028"))


@given(st.lists(st.lists(st.text(max_size=4) | TAGS, max_size=6).map("".join), max_size=3))
def test_any_header_is_read_and_ours_is_found_behind_it(lines: list[str]) -> None:
    still_held(lines, CURRENT)

    assert still_held([*lines, CURRENT], CURRENT)
