"""kill -9 of the worker at every commit of its jobs, one after the other in the life of one task: the task ends as if nothing had been."""

from pathlib import Path

import pytest

from tests.system.crashing import Crashing
from tests.system.log_gate import Cut
from tests.system.people import PROVISION_STAGES

GOES_ON_WITHIN_MS = 10_000


def every_cut(stages: dict[str, tuple[str, ...]]) -> list[Cut]:
    """Around each commit: the claim, what a stage tells of the task, its result (with the next stage's start)."""
    cuts = [Cut("before", "job_started"), Cut("after", "job_started")]
    for stage, facts in stages.items():
        cuts += [Cut(when, fact) for fact in facts for when in ("before", "after")]
        cuts += [Cut(when, "stage_succeeded", stage) for when in ("before", "after")]
    return cuts


def ending(last: str) -> dict[str, tuple[str, ...]]:
    kept: dict[str, tuple[str, ...]] = {"work_committed": ()} if last == "archived" else {}
    return {
        "work_stopped": (),
        **kept,
        "sandbox_released": ("sandbox_released",),
        last: (f"task_{last}",),
    }


async def test_a_provisioning_is_killed_at_every_commit(crashing: Crashing, tmp_path: Path) -> None:
    cuts = every_cut(PROVISION_STAGES)
    outside = tmp_path / "outside"
    outside.touch()
    crashing.gate.arm(cuts[0])
    created = await crashing.house.create_task(f"echo run >> {outside}")
    task_id, job_id = created.ids["task_id"], created.ids["job_id"]

    ready_at = await crashing.through(cuts)

    task = await crashing.until(task_id, "idle")
    assert [session["status"] for session in task["sessions"]] == ["idle"]
    assert [sandbox["status"] for sandbox in task["sandboxes"]] == ["ready"]
    assert crashing.working_trees() == 1
    assert len(outside.read_text().splitlines()) <= 1, "a message is handed over at most once"
    once(await crashing.facts_of(task_id), "sandbox_allocated", "sandbox_ready")
    once(await crashing.facts_of(task_id), "agent_session_ready", "task_provisioned")
    await check_job(crashing, job_id, stages=len(PROVISION_STAGES), ready_at=ready_at)


@pytest.mark.parametrize("last", ["archived", "killed"])
async def test_an_ending_is_killed_at_every_commit(crashing: Crashing, last: str) -> None:
    created = await crashing.house.create_task("true")
    task_id = created.ids["task_id"]
    await crashing.until(task_id, "idle")
    cuts = every_cut(ending(last))
    crashing.gate.arm(cuts[0])
    command = {"archived": "task.archive", "killed": "task.kill"}[last]
    job_id = (await crashing.house.owner.command(command, task_id=task_id)).ids["job_id"]

    ready_at = await crashing.through(cuts)

    task = await crashing.until(task_id, last)
    assert crashing.working_trees() == 0
    assert not Path(task["sandboxes"][0]["path"]).exists()
    assert not list((crashing.worker.data / "sandbox_state").iterdir())
    once(await crashing.facts_of(task_id), "sandbox_released", f"task_{last}")
    await check_job(crashing, job_id, stages=len(ending(last)), ready_at=ready_at)


async def check_job(crashing: Crashing, job_id: str, *, stages: int, ready_at: int) -> None:
    """Opened and ended once, each stage's result stored once, and taken up soon after the last start."""
    facts = await crashing.facts_of(job_id)
    once(facts, "job_opened", "job_succeeded")
    names = [fact for _, fact in facts]
    assert names.count("stage_succeeded") == stages
    assert not {"stage_failed", "job_failed"} & set(names)
    assert facts[-1][0] - ready_at < GOES_ON_WITHIN_MS


def once(facts: list[tuple[int, str]], *names: str) -> None:
    counted = {name: [fact for _, fact in facts].count(name) for name in names}
    assert counted == dict.fromkeys(names, 1)
