"""What `foundry replay` says while it reads."""

from collections import Counter

import pytest

from events.ids import BEGINNING, TaskId
from events.memory import MemoryStore
from foundry import audit_trail
from tests import facts
from tests.projections.world import keep


async def test_progress_is_drawn_for_people_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "SHOW_EVERY", -1)
    store = MemoryStore()
    for task_id in ("task_1", "task_2", "task_3"):
        await keep(store, facts.commit(facts.task_created(TaskId(task_id))))

    read = await audit_trail._count(store, BEGINNING, await store.head(), Counter(), [])

    assert read == 3
    assert capsys.readouterr().err == ""
