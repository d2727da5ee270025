"""The guard of the bench: what counts as a loss, and what does not."""

import msgspec

from bench.guard import losses
from bench.result import Bound, Goal, Result, result


def figure(ours: float, *, limit: float | None = 100.0, at_most: bool = False) -> Result:
    return result("a figure", [ours], "per second", limit=limit, goal=Goal("limit", 1, at_most))


def test_a_ratio_that_fell_by_more_than_half_is_a_loss() -> None:
    (sentence,) = losses([figure(80)], [figure(39)])

    assert sentence == "a figure: the ratio was 0.8 and is 0.39"


def test_a_ratio_that_fell_by_less_is_none() -> None:
    assert losses([figure(80)], [figure(41)]) == []


def test_where_less_is_better_a_ratio_that_more_than_doubled_is_a_loss() -> None:
    before = figure(80, at_most=True)

    assert losses([before], [figure(150, at_most=True)]) == []
    assert len(losses([before], [figure(170, at_most=True)])) == 1


def test_a_slower_machine_is_no_loss() -> None:
    assert losses([figure(80)], [figure(8, limit=10)]) == []


def test_a_tail_of_a_short_round_is_left_to_chance() -> None:
    before, after = (msgspec.structs.replace(figure(ours), tail=True) for ours in (80, 10))

    assert losses([before], [after]) == []


def test_what_has_no_partner_or_no_ratio_is_left_out() -> None:
    assert losses([], [figure(1)]) == []
    assert losses([figure(80)], [figure(1, limit=None)]) == []


def test_a_goal_whose_peer_is_missing_is_neither_met_nor_missed() -> None:
    goals = (Goal("nginx", 1.2), Bound(12))

    assert result("it", [10], "KB", goal=goals).met is None
    assert result("it", [13], "KB", goal=goals).met is False
    assert result("it", [12], "KB", goal=goals, peers={"nginx": 10}).met is True
    assert result("it", [12], "KB", goal=goals, peers={"nginx": 11}).met is False
