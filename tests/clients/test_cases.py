"""The examples of the step function, which the JavaScript client runs as well: one truth for both."""

import copy
import json
from typing import Any

import msgspec
import pytest

from foundry_client.effects import Effect, Log
from foundry_client.happenings import Happening
from foundry_client.step import step
from foundry_client.turn import Options, State
from tests.system.node_process import ROOT

SHARED: dict[str, Any] = json.loads((ROOT / "clients" / "cases.json").read_text())
CASES: list[dict[str, Any]] = SHARED["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_step_function_does_as_the_example_says(case: dict[str, Any]) -> None:
    state = State(options=Options(**case.get("options", {})))
    at = 0
    for happening in SHARED["beginnings"][case["beginning"]] if "beginning" in case else []:
        state, at, _ = stepped(state, at, happening)

    for number, one in enumerate(case["steps"]):
        before = copy.deepcopy(state)
        after, at, effects = stepped(state, at, one["when"])

        assert effects == one["then"], number
        assert_has(msgspec.to_builtins(after), one.get("state", {}))
        assert state == before, "a step changed the state it was given"
        state = after


def test_every_example_has_a_name_of_its_own() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) > 60


def stepped(
    state: State, last: int, happening: dict[str, Any]
) -> tuple[State, int, list[dict[str, Any]]]:
    """`at` left out is that of the input before, `random` left out is a half."""
    complete = {"at": last, "random": 0.5, **happening}
    state, effects = step(state, msgspec.convert(complete, Happening))
    return state, complete["at"], [plain(one) for one in effects if not isinstance(one, Log)]


def plain(effect: Effect) -> dict[str, Any]:
    done: dict[str, Any] = json.loads(msgspec.json.encode(effect))
    return done


def assert_has(actual: Any, expected: Any) -> None:
    """The parts that are named are there; others may be there too."""
    if not isinstance(expected, dict) or not expected:
        assert actual == expected or expected == {}
        return
    for key, value in expected.items():
        assert_has(actual.get(key), value)
