"""Which branches an action moves, and in which order."""

import pytest

from commands.stack import Parent
from events.job import BRANCH_REBASE, BRANCH_REPARENT, REPOSITORY_RESTACK, SUBTREE_RESTACK
from workflows.sandbox import NoSuchBranch
from workflows.stack_plan import Step, steps_of

STACK = {
    "c": Parent(name="b", base="b0"),
    "a": Parent(name="main", base="m0"),
    "b": Parent(name="a", base="a0"),
    "d": Parent(name="a", base="a0"),
}
ALL = {"main", "a", "b", "c", "d", "free"}


def plan(
    kind: str, branch: str | None = None, parent: str | None = None, present: set[str] = ALL
) -> list[tuple[str, str, str | None]]:
    steps = steps_of(
        kind, parents=STACK, present=present, default="main", branch=branch, parent=parent
    )
    return [(step.branch, step.parent, step.base) for step in steps]


def test_a_restack_moves_every_stacked_branch_after_the_one_below_it() -> None:
    assert plan(REPOSITORY_RESTACK) == [
        ("a", "main", "m0"),
        ("b", "a", "a0"),
        ("d", "a", "a0"),
        ("c", "b", "b0"),
    ]


def test_a_subtree_is_a_branch_with_all_above_it() -> None:
    assert plan(SUBTREE_RESTACK, "b") == [("b", "a", "a0"), ("c", "b", "b0")]
    assert plan(SUBTREE_RESTACK, "free") == []


def test_a_rebase_moves_one_branch_onto_its_parent_else_the_default_branch() -> None:
    assert plan(BRANCH_REBASE, "b") == [("b", "a", "a0")]
    assert plan(BRANCH_REBASE, "free") == [("free", "main", None)]


def test_a_new_parent_moves_the_branch_and_all_above_it() -> None:
    assert plan(BRANCH_REPARENT, "b", "main") == [("b", "main", "a0"), ("c", "b", "b0")]
    assert plan(BRANCH_REPARENT, "free", "c") == [("free", "c", None)]


def test_a_parent_that_is_gone_gives_way_to_the_one_below_it() -> None:
    left = ALL - {"a", "b"}

    assert plan(REPOSITORY_RESTACK, present=left) == [("d", "main", "a0"), ("c", "main", "b0")]


def test_a_branch_that_was_named_and_is_not_there_is_refused() -> None:
    with pytest.raises(NoSuchBranch):
        plan(BRANCH_REBASE, "never")


def test_an_empty_repository_has_nothing_to_move_onto() -> None:
    assert steps_of(REPOSITORY_RESTACK, parents=STACK, present={"c"}, default=None) == []


def test_a_circle_that_was_recorded_all_the_same_ends() -> None:
    circle = {"a": Parent(name="b", base="x"), "b": Parent(name="a", base="y")}

    steps = steps_of(REPOSITORY_RESTACK, parents=circle, present={"a", "b"}, default="main")

    assert [type(step) for step in steps] == [Step, Step]
