"""Waiting for a store that stays away."""

import pytest

from runtime.errors import Unavailable
from workflows.once_answered import once_answered


class Asked:
    """A store that gives these answers, one after the other."""

    def __init__(self, *answers: int | Unavailable) -> None:
        self._answers = list(answers)

    async def __call__(self) -> int:
        answer = self._answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer


async def test_it_is_asked_again_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.once_answered.PAUSE_SECONDS", 0.001)

    assert await once_answered(Asked(Unavailable("no leader"), Unavailable("no leader"), 7)) == 7


async def test_what_cannot_be_read_is_not_waited_for() -> None:
    with pytest.raises(Unavailable):
        await once_answered(Asked(Unavailable("of newer code", code="unreadable")))
