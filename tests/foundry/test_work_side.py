"""The worker put together: what was opened for it is closed, however far its opening came."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events.ids import Position
from events.memory import MemoryStore
from foundry.work_side import work_side
from runtime.errors import Unavailable
from runtime.settings import load
from workflows.agent_pool import AgentPool
from workflows.processes import Processes
from workflows.sandbox_agent_api import SandboxAgentApi


class Away(MemoryStore):
    async def head(self) -> Position:
        raise Unavailable("The log is away.")

    hints = renew_hints = None


async def test_a_worker_that_cannot_begin_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    for kind, method in (
        (AgentPool, "close"),
        (SandboxAgentApi, "__aexit__"),
        (Processes, "close"),
    ):
        _note_the_call(monkeypatch, kind, method, closed)
    settings = load(
        {
            "FOUNDRY_DATA": str(tmp_path),
            "FOUNDRY_SANDBOX_AGENT_URL": "http://127.0.0.1:1",
            "FOUNDRY_SANDBOX_AGENT_FOLDER": "/nowhere",
        }
    )
    log = cast("Any", SimpleNamespace(store=Away(), connection=None))
    side = cast("Any", SimpleNamespace(aggregates=None, directory=None, reports=None))

    with pytest.raises(Unavailable):
        async with work_side(settings, log, side):
            pass

    assert closed == ["AgentPool", "SandboxAgentApi", "Processes"]


def _note_the_call(
    monkeypatch: pytest.MonkeyPatch, kind: type, method: str, called: list[str]
) -> None:
    works = getattr(kind, method)

    async def noted(*args: object) -> object:
        called.append(kind.__name__)
        return await works(*args)

    monkeypatch.setattr(kind, method, noted)
