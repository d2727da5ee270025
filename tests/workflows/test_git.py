import asyncio
import os
from pathlib import Path

import pytest

from tests.process_tree import gone
from tests.workflows.remote import PATH, Remote
from workflows.git import AT_ONCE, Git, GitFailed
from workflows.git_complaints import first_complaint
from workflows.git_lanes import DISK, Lane, lane_to


async def test_a_command_that_says_no_is_told_apart_from_one_that_fails(
    git: Git, remote: Remote
) -> None:
    remote.commit(a="1")

    no = await git.run(
        "diff", "--quiet", "--no-index", "a", "/dev/null", folder=remote.path, accept=(0, 1)
    )

    assert no.exit_code == 1
    with pytest.raises(GitFailed, match="git rev-parse: ") as failed:
        await git.run("rev-parse", "--verify", "nothing", folder=remote.path)
    assert failed.value.exit_code == 128


async def test_of_a_git_that_does_not_know_an_option_the_age_is_doubted(
    git: Git, remote: Remote
) -> None:
    remote.commit(a="1")

    with pytest.raises(GitFailed, match=r"too old, 2\.38 or newer is needed"):
        await git.run("worktree", "list", "--of-tomorrow", folder=remote.path)


async def test_a_folder_that_is_no_repository_is_not_taken_for_the_one_around_it(
    git: Git, remote: Remote
) -> None:
    inside = remote.path / "data"
    inside.mkdir()

    with pytest.raises(GitFailed, match="not a git repository"):
        await git.run("status", folder=inside)


async def test_neither_hooks_nor_settings_of_the_machine_take_part(
    git: Git, remote: Remote
) -> None:
    hook = remote.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{remote.path}/hooked'\n")
    hook.chmod(0o755)
    remote.commit(a="1")

    await git.run("checkout", "--quiet", "-b", "other", folder=remote.path)

    assert not (remote.path / "hooked").exists()


@pytest.mark.parametrize("url", ["ext::sh -c true", "http://127.0.0.1:9/x", "git://127.0.0.1/x"])
async def test_protocols_nobody_allowed_are_refused(git: Git, remote: Remote, url: str) -> None:
    with pytest.raises(GitFailed, match="not allowed"):
        await git.run("ls-remote", "--", url, folder=remote.path)


async def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    pids = tmp_path / "pids"
    (programs / "git").write_text(f"#!/bin/sh\nsleep 100 &\necho $! >'{pids}'\nwait\n")
    (programs / "git").chmod(0o755)
    git = Git(home=tmp_path / "home", path=f"{programs}:{PATH}")

    with pytest.raises(GitFailed, match=r"git status did not end within 0\.3 seconds"):
        await git.run("status", folder=tmp_path, deadline=0.3)

    assert await gone(int(pids.read_text()))


async def test_a_cancelled_command_is_ended(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    started = tmp_path / "started"
    os.mkfifo(started)
    (programs / "git").write_text(f"#!/bin/sh\necho $$ >'{started}'\nexec sleep 100\n")
    (programs / "git").chmod(0o755)
    git = Git(home=tmp_path / "home", path=f"{programs}:{PATH}")
    running = asyncio.create_task(git.run("status", folder=tmp_path))
    pid = int(await asyncio.to_thread(started.read_text))

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await gone(pid)


async def test_output_without_end_is_not_kept(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nexec cat /dev/zero\n")
    (programs / "git").chmod(0o755)
    git = Git(home=tmp_path / "home", path=f"{programs}:{PATH}")

    with pytest.raises(GitFailed, match="more than can be kept"):
        await git.run("status", folder=tmp_path)


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        (b"warning: x\nhint: y\nfatal: it broke\nand more\n", "it broke"),
        (b"fatal: https://me:secret@example.com/x not found", "https://example.com/x not found"),
        (b"\n", "it failed without a word"),
        (
            b"Warning: Permanently added 'example.com' to the list of known hosts.\r\nann@example.com: Permission denied (publickey).\n"
            b"fatal: Could not read from remote repository.\n\nPlease make sure\n",
            "ann@example.com: Permission denied (publickey): Could not read from remote repository.",
        ),
        (b"\xff plain\n", "\ufffd plain"),
    ],
)
def test_a_complaint_is_one_clean_line_without_secrets(stderr: bytes, line: str) -> None:
    assert first_complaint(stderr) == line


async def test_remotes_that_never_answer_keep_nobody_from_another(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text(
        '#!/bin/sh\nfor word; do :; done\n[ "$word" = waits ] && sleep 600\nexit 0\n'
    )
    program.chmod(0o755)
    git = Git(home=tmp_path / "home", path=f"{tmp_path}:{PATH}")

    async def said(word: str, lane: Lane) -> None:
        await git.run(word, folder=tmp_path, lane=lane)

    silent = [
        asyncio.create_task(said("waits", lane_to(f"https://silent.example/{number}")))
        for number in range(AT_ONCE + 1)
    ]
    others = (DISK, lane_to("/srv/repository"), lane_to("https://other.example/x"))
    async with asyncio.timeout(20):
        for lane in others:
            await said("answers", lane)

    assert not any(waiting.done() for waiting in silent)
    for waiting in silent:
        waiting.cancel()
    await asyncio.wait(silent)


@pytest.mark.parametrize(
    "url",
    ["https://Host.example/a", "ssh://me@host.example:22/b", "git@host.example:c/d.git"],
)
def test_all_repositories_of_a_host_share_a_lane(url: str) -> None:
    assert lane_to(url) == "to host.example"
    assert lane_to("/host.example/x") == lane_to("/srv/y") == "to "
