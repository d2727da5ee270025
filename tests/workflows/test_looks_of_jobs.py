"""Looks at the files that a job takes itself, before it goes on."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from events.task_files import FilesCaptured, FilesOutdated, TreeChanged, TreeFile
from tests import facts
from tests.workflows.desk import Broken, Desk, Fixed, others_go_on
from workflows import file_capture
from workflows.agent_pool import AgentPool
from workflows.git import GitFailed
from workflows.job_kind import JobContext
from workflows.local_sandbox import LocalSandboxes
from workflows.presence import Presence
from workflows.processes import Child
from workflows.sandbox import Captured, Sandbox
from workflows.sessions import Sessions
from workflows.task_ending import Ending
from workflows.task_processes import TaskProcesses
from workflows.task_provision import Provisioning


class Committed(Fixed):
    """Git has nothing to say there: all is committed."""

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Child:
        return cast("Child", Silent())

    async def keeps(self, sandbox: Sandbox, commit: str, *, base: str) -> bool:
        return True


class Silent:
    """A command that ends at once, well and without a word."""

    def __init__(self) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    async def wait(self) -> int:
        return 0

    async def stop(self) -> int:
        return 0

    def close(self) -> None:
        """It has no pipes."""


async def test_a_task_is_provisioned_though_its_files_cannot_be_captured() -> None:
    provider = Broken()
    desk = Desk(local=provider)
    await desk.begin()
    stages = Provisioning(
        aggregates=desk.aggregates,
        reports=desk.reports,
        providers={"local": provider},
        agents=cast("AgentPool", None),
        files=desk.files,
        host="host_1",
    )

    result = await stages.prepare_repository(job_of_task(name_ensured={"branch": "fix-login"}))

    assert result == {"base": "b" * 40}
    assert [event for event in await desk.events() if isinstance(event, FilesOutdated)]


def archiving(desk: Desk, provider: LocalSandboxes) -> Ending:
    return Ending(
        aggregates=desk.aggregates,
        reports=desk.reports,
        providers={"local": provider},
        sessions=cast("Sessions", None),
        presence=cast("Presence", None),
        host="h1",
        processes=cast("TaskProcesses", None),
        files=desk.files,
    )


def job_of_task(**results: dict[str, str]) -> JobContext:
    return JobContext(
        job_id=facts.JOB,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        task_id=facts.TASK,
        input={},
        results=results,
        correlation_id="c",
    )


async def test_an_archive_looks_at_the_files_once_more_and_nobody_has_to_after_it() -> None:
    provider = Committed()
    desk = Desk(local=provider)
    await desk.begin(facts.task_named(), facts.task_archive_requested())
    provider.tree = (TreeFile(path="last", size=1),)
    # All lanes are busy with the files of others.
    desk.files.request(facts.TASK)

    await archiving(desk, provider).commit_work(job_of_task())

    [*_, changed, captured] = await desk.events()
    assert isinstance(changed, TreeChanged)
    assert isinstance(captured, FilesCaptured)
    assert changed.put == provider.tree

    serving = asyncio.create_task(desk.files.run())
    await others_go_on()
    serving.cancel()
    await asyncio.wait([serving])
    assert provider.looks == 1


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_a_look_of_a_job_that_was_announced_and_comes_to_nothing_is_made_good(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    class Long(Fixed):
        async def capture(
            self, sandbox: Sandbox, *, base: str, unless: str | None = None
        ) -> Captured | None:
            found = await super().capture(sandbox, base=base, unless=unless)
            if self.looks == 1:
                await may_fail.wait()
                raise GitFailed("git add did not end within 120 seconds.", exit_code=None)
            return found

    async def told() -> list[str]:
        return [
            "captured" if isinstance(event, FilesCaptured) else event.status
            for event in await desk.events()
            if isinstance(event, FilesCaptured | FilesOutdated)
        ]

    monkeypatch.setattr(file_capture, "SLOW_SECONDS", 0)
    may_fail = asyncio.Event()
    desk = Desk(local=Long())
    await desk.begin()
    serving = asyncio.create_task(desk.files.run())
    look = asyncio.create_task(desk.files.capture(facts.TASK))
    async with asyncio.timeout(20):
        while await told() != ["running"]:
            await asyncio.sleep(0)

    if end == "cancelled":
        look.cancel()
    else:
        may_fail.set()
    await asyncio.wait([look])
    await others_go_on()

    serving.cancel()
    await asyncio.wait([serving])
    assert (await told())[-1] == "captured"
