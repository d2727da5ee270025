import asyncio
import os
import signal
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from events.ids import TaskId
from runtime.errors import Rejected
from tests.process_tree import gone
from tests.system.git_repository import GitRepository
from tests.workflows.remote import REPOSITORY
from tests_agents.sandbox_agent_server import SandboxAgentServer
from workflows import sandbox_agent_capture
from workflows.sandbox import (
    BranchExists,
    BranchInUse,
    Checkout,
    ExistingBranch,
    NewBranch,
    RemoteUnavailable,
    Running,
    Sandbox,
)
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi, SandboxAgentUnavailable
from workflows.sandbox_git import SandboxGit

ONE, TWO = TaskId("task_1"), TaskId("task_2")


async def prepare(
    sandboxes: SandboxAgentSandboxes,
    remote: GitRepository,
    branch: NewBranch | ExistingBranch,
    task_id: TaskId = ONE,
) -> tuple[Sandbox, Checkout]:
    sandbox = sandboxes.allocate(task_id=task_id, repository_id=REPOSITORY)
    return sandbox, await sandboxes.prepare(sandbox, remote_url=remote.url, branch=branch)


async def said(process: Running) -> tuple[int | None, str, str]:
    async with asyncio.timeout(20):
        output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
        return await process.wait(), output.decode(), errors.decode()


async def run(sandboxes: SandboxAgentSandboxes, sandbox: Sandbox, *command: str) -> Sequence[str]:
    process = await sandboxes.start(sandbox, command)
    exit_code, output, errors = await said(process)
    assert (exit_code, errors) == (0, "")
    return output.split("\n")[:-1]


async def test_a_working_tree_is_made_once_however_often_it_is_asked_for(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    tip = git_repository.git("rev-parse", "HEAD")

    sandbox, checkout = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    Path(sandbox.path, "new.txt").write_text("mine")
    again = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))

    assert checkout == Checkout(branch="foundry/one", base=tip)
    assert again == (sandbox, checkout)
    assert Path(sandbox.path, "new.txt").read_text() == "mine"
    assert await run(sandboxes, sandbox, "git", "branch", "--show-current") == ["foundry/one"]


async def test_branches_are_guarded_as_on_this_machine(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    await prepare(sandboxes, git_repository, NewBranch("foundry/one"))

    with pytest.raises(BranchExists):
        await prepare(sandboxes, git_repository, NewBranch("foundry/one"), TWO)
    with pytest.raises(BranchInUse):
        await prepare(sandboxes, git_repository, ExistingBranch("foundry/one"), TWO)
    git_repository.path.rename(git_repository.path.with_name("gone"))
    with pytest.raises(RemoteUnavailable):
        await prepare(sandboxes, git_repository, NewBranch("other"), TWO)


async def test_files_are_captured_whatever_their_names_and_contents(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, checkout = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    tree = Path(sandbox.path)
    (tree / "a größe.txt").write_text("1\n2\n")
    (tree / "b.bin").write_bytes(bytes(range(256)))
    (tree / "README.md").unlink()

    captured = await sandboxes.capture(sandbox, base=checkout.base)
    assert captured is not None
    same = await sandboxes.capture(sandbox, base=checkout.base, unless=captured.tree_id)

    files = {file.path: file for file in captured.files}
    assert {path: file.kind for path, file in files.items()} == {
        "README.md": "deleted",
        "a größe.txt": "added",
        "b.bin": "added",
    }
    assert (files["a größe.txt"].added, files["a größe.txt"].content) == (2, b"1\n2\n")
    assert (files["b.bin"].binary, files["b.bin"].content) == (True, bytes(range(256)))
    assert {file.path for file in captured.tree} == {"a größe.txt", "b.bin", "word.txt"}
    assert same is None


async def test_release_ends_what_runs_and_leaves_nothing(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    process = await sandboxes.start(sandbox, ["sleep", "600"])

    await sandboxes.release(ONE, branch="delete")
    await sandboxes.release(ONE, branch="delete")

    async with asyncio.timeout(10):
        await process.wait()
    assert not Path(sandbox.path).exists()
    await prepare(sandboxes, git_repository, NewBranch("foundry/one"), TWO)
    with pytest.raises(Rejected):
        await sandboxes.start(sandbox, ["true"])


async def test_what_a_process_started_ends_with_it(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    for ending in ("exit 0", "sleep 600"):
        process = await sandboxes.start(
            sandbox, ["sh", "-c", f"setsid sleep 600 & echo $!; {ending}"]
        )
        async with asyncio.timeout(20):
            left = int(await process.stdout.read(100))
            if ending != "exit 0":
                await process.stop()
            await process.wait()
        assert await gone(left)


async def test_sandboxes_nobody_knows_are_found_and_a_half_removed_one_goes(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    _, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/two"), TWO)
    trash = sandboxes.scratch.parent
    half = trash / "half" / "removed"
    half.mkdir(parents=True)
    half.chmod(0o500)

    await sandboxes.tidy()

    assert await sandboxes.orphans([ONE]) == [TWO]
    await sandboxes.release(TWO, branch="keep")
    assert await sandboxes.orphans([ONE]) == []
    assert [file for file in trash.rglob("*") if not file.is_dir()] == []
    assert not half.parent.exists()


async def test_whether_a_task_left_anything_is_one_question(
    api: SandboxAgentApi, sandboxes: SandboxAgentSandboxes, sandbox: Sandbox
) -> None:
    asked: list[str] = []

    async def note(request: httpx.Request) -> None:
        asked.append(request.url.path)

    api.http.event_hooks["request"].append(note)

    assert await sandboxes.orphans([]) == [sandbox.task_id]
    assert asked == ["/v1/processes/run"]


async def test_more_than_the_server_lets_a_command_print_is_captured(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, checkout = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    texts = {f"{number}.txt": f"{number}\n" * 200_000 for number in range(4)}
    for name, text in texts.items():
        Path(sandbox.path, name).write_text(text)

    captured = await sandboxes.capture(sandbox, base=checkout.base)

    assert captured is not None
    assert {file.path: file.added for file in captured.files} == dict.fromkeys(texts, 200_000)
    assert {file.path: file.content for file in captured.files} == {
        name: text.encode() for name, text in texts.items()
    }


async def test_what_changes_all_the_time_does_not_fill_the_disk_there(
    sandboxes: SandboxAgentSandboxes,
    git_repository: GitRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox_agent_capture, "OLD_BYTES", 4 << 20)
    sandbox, checkout = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    objects = sandboxes.state_folder(ONE) / "capture" / "objects"
    sizes: list[int] = []
    for _ in range(16):
        Path(sandbox.path, "checkpoint").write_bytes(os.urandom(1 << 20))
        captured = await sandboxes.capture(sandbox, base=checkout.base)
        assert captured is not None
        assert [file.path for file in captured.files] == ["checkpoint"]
        sizes.append(sum(file.stat().st_size for file in objects.rglob("*") if file.is_file()))

    assert max(sizes) < 9 << 20
    # Made anew now and then, not each time.
    assert sum(after < before for before, after in pairwise(sizes)) in range(1, 5)


async def test_locks_of_a_life_that_was_killed_are_in_nobodys_way_there(
    sandboxes: SandboxAgentSandboxes,
    api: SandboxAgentApi,
    git_repository: GitRepository,
    far_folder: Path,
    tmp_path: Path,
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    repository = far_folder / "repositories" / REPOSITORY
    for name in ("worktrees/task_1/index", "worktrees/task_1/HEAD", "packed-refs"):
        (repository / f"{name}.lock").touch()
    born_again = SandboxAgentSandboxes(api, folder=far_folder, local_root=tmp_path)
    Path(sandbox.path, "b").write_text("1")

    assert await SandboxGit(born_again, sandbox).commit_all(branch="foundry/one", message="work")

    assert list(repository.rglob("*.lock")) == []


async def test_a_folder_made_read_only_all_through_is_thrown_away_there(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    await run(sandboxes, sandbox, "sh", "-c", "mkdir -p a/b && touch a/b/c && chmod -R a-w .")

    await sandboxes.release(ONE, branch="keep")
    await sandboxes.tidy()

    assert not Path(sandbox.path).exists()
    assert [file for file in sandboxes.scratch.parent.rglob("*") if not file.is_dir()] == []


async def test_a_process_is_written_to_signalled_and_heard_to_its_end(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))
    script = (
        'trap "echo bye >&2; exit 5" INT; read line; echo "got $line"; while :; do sleep 0.05; done'
    )
    process = await sandboxes.start(sandbox, ["sh", "-c", script])

    process.stdin.write(b"hello\n")
    await process.stdin.drain()
    async with asyncio.timeout(10):
        assert await process.stdout.read(100) == b"got hello\n"
    process.send(signal.SIGINT)

    assert await said(process) == (5, "", "bye\n")


async def test_a_command_that_cannot_be_run_ends_with_127(
    sandboxes: SandboxAgentSandboxes, git_repository: GitRepository
) -> None:
    sandbox, _ = await prepare(sandboxes, git_repository, NewBranch("foundry/one"))

    exit_code, _, errors = await said(await sandboxes.start(sandbox, ["/nonexistent"]))

    assert exit_code == 127
    assert "not found" in errors


async def test_a_server_that_is_away_or_does_not_know_us_is_named_as_the_reason(
    server: SandboxAgentServer, tmp_path: Path, git_repository: GitRepository
) -> None:
    for url, token in ((server.url, "wrong"), ("http://127.0.0.1:1", None)):
        async with SandboxAgentApi(url, token) as api:
            away = SandboxAgentSandboxes(api, folder=tmp_path / "away", local_root=tmp_path)
            with pytest.raises(SandboxAgentUnavailable, match="sandbox-agent server"):
                await prepare(away, git_repository, NewBranch("foundry/one"))
