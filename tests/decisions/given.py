"""Given these events, when this command, then those events: and again, because everything may happen twice."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import pytest

from commands.context import Context
from commands.decider import Decider, Kind, Origin
from commands.organization import ORGANIZATION
from commands.organization_state import Organization
from events.addresses import Remote
from events.commit import Event
from events.ids import Position, Timestamp
from runtime.errors import FoundryError
from tests.facts import ANNA, organization_created, repository_added

S = TypeVar("S")
C = TypeVar("C")

NOW = Timestamp(5_000)
COMMAND_ID = "0189d6a0-7b5e-7c3e-8f0a-5d3c2b1a0f9e"
WEB = Remote(url="https://example.com/acme/web.git", address="example.com/acme/web", name="web")


class Spec(Generic[S, C]):
    """`refused` is the code a refusal carries; a create is refused when it comes again without its key."""

    def __init__(self, decider: Decider[S, C]) -> None:
        self._decider = decider

    def __call__(
        self,
        *,
        given: Sequence[Event],
        when: C,
        then: Sequence[Event] = (),
        refused: str | None = None,
        again: str | None = None,
        context: Context | None = None,
    ) -> None:
        asked = context or context_of()
        state = folded(self._decider, given)
        if refused is not None:
            assert refusal(self._decider, state, when, asked) == refused
            return

        events = self._decider.decide(state, when, asked)
        assert events == list(then)

        # Commands are delivered at least once, so every example also proves its own retry.
        after = folded(self._decider, [*given, *events])
        if again is not None:
            assert refusal(self._decider, after, when, asked) == again
        else:
            assert self._decider.decide(after, when, asked) == []


def refusal(decider: Decider[S, C], state: S, command: C, context: Context) -> str:
    with pytest.raises(FoundryError) as refused:
        decider.decide(state, command, context)
    return refused.value.code


def folded(kind: Kind[S], events: Sequence[Event]) -> S:
    """The state after events that stand in one commit each, at positions 1, 2, 3 and by Anna."""
    state = kind.initial
    for position, event in enumerate(events, start=1):
        origin = Origin(position=Position(position), at=Timestamp(position), actor=ANNA)
        state = kind.fold([event], origin, state)
    return state


def organization(*events: Event) -> Organization:
    """Anna's organization with one repository, and whatever happened to it after that."""
    state = folded(ORGANIZATION, [organization_created(), repository_added(), *events])
    assert isinstance(state, Organization)
    return state


def context_of(**known: object) -> Context:
    """What a decision knows when Anna gives a command."""
    facts: dict[str, object] = {
        "now": NOW,
        "actor": ANNA,
        "actor_name": "Anna",
        "command_name": "some.command",
        "command_id": COMMAND_ID,
        "known_agents": frozenset({"shell", "claude"}),
        "known_providers": frozenset({"local"}),
    }
    return Context(**(facts | known))  # type: ignore[arg-type]
