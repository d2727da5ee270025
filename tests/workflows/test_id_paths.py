"""Ids and places in commits nobody here has checked: none leads out of the data folder."""

from pathlib import Path

import msgspec
import pytest

from events.ids import RepositoryId, SessionId, TaskId
from runtime.errors import Rejected
from tests.workflows.remote import ONE, REPOSITORY
from workflows.agent_names import AgentNames
from workflows.id_paths import place_of
from workflows.local_sandbox import LocalSandboxes
from workflows.repositories import Repositories

FORGED = ("", ".", "..", "task_1/../..", "/etc", "repo_", "ses_A", "sbx_1", "task_\0")


@pytest.mark.parametrize("forged", FORGED)
async def test_text_that_is_no_id_names_no_place(
    sandboxes: LocalSandboxes, repositories: Repositories, tmp_path: Path, forged: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Rejected):
        sandboxes.allocate(task_id=TaskId(forged), repository_id=REPOSITORY)
    with pytest.raises(Rejected):
        await sandboxes.release(TaskId(forged), branch="delete")
    with pytest.raises(Rejected):
        async with repositories.alone(RepositoryId(forged)):
            pass
    with pytest.raises(Rejected):
        AgentNames(tmp_path / "names").keep(SessionId(forged), "name")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_place_of_an_id_is_the_folder_s_own(tmp_path: Path) -> None:
    assert place_of(tmp_path, "task_1", "task") == tmp_path / "task_1"


async def test_a_sandbox_is_not_taken_for_the_folder_of_all_sandboxes(
    sandboxes: LocalSandboxes, tmp_path: Path
) -> None:
    ours = sandboxes.allocate(task_id=ONE, repository_id=REPOSITORY)
    trees = Path(ours.path).parent
    trees.mkdir(parents=True)
    for path in (trees / "..", trees, trees / "task_2"):
        with pytest.raises(Rejected, match="moved or copied"):
            await sandboxes.start(msgspec.structs.replace(ours, path=str(path)), ["true"])
