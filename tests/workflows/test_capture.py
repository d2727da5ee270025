"""What differs in a working tree, whatever the agent in it did to its repository."""

import os
import shutil
from pathlib import Path

import pytest

from events.ids import TaskId
from events.task_files import TreeFile
from tests.workflows.captured_work import CapturedWork, captured_work
from tests.workflows.remote import Remote
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes


@pytest.fixture
async def work(sandboxes: LocalSandboxes, remote: Remote, git: Git) -> CapturedWork:
    return await captured_work(sandboxes, remote, git)


async def test_a_fresh_working_tree_differs_in_nothing(work: CapturedWork) -> None:
    captured = await work.captured()

    assert captured.files == ()
    assert captured.tree == (
        TreeFile(path=".gitignore", size=9),
        TreeFile(path="gone.txt", size=5),
        TreeFile(path="kept.txt", size=5),
        TreeFile(path="old name.txt", size=230),
        TreeFile(path="src/main.py", size=14),
    )
    assert captured.tree_id == await work.git("rev-parse", "HEAD^{tree}")


async def test_every_kind_of_difference_is_told_with_patch_and_content(work: CapturedWork) -> None:
    (work.tree / "src" / "main.py").write_text("one\n2\nthree\nfour\n")
    (work.tree / "gone.txt").unlink()
    (work.tree / "old name.txt").rename(work.tree / "nëw name.txt")
    (work.tree / "new.txt").write_text("new\n")
    (work.tree / "image").write_bytes(b"\x89\0\1")
    (work.tree / "ignored").mkdir()
    (work.tree / "ignored" / "x").touch()

    files = await work.files()

    assert {
        path: (file.kind, file.added, file.removed, file.binary) for path, file in files.items()
    } == {
        "gone.txt": ("deleted", 0, 1, False),
        "image": ("added", 0, 0, True),
        "new.txt": ("added", 1, 0, False),
        "nëw name.txt": ("renamed", 0, 0, False),
        "src/main.py": ("modified", 2, 1, False),
    }
    assert files["src/main.py"].content == b"one\n2\nthree\nfour\n"
    assert files["image"].content == b"\x89\0\1"
    assert files["gone.txt"].content is None
    patch = files["src/main.py"].patch
    assert patch is not None
    assert patch.startswith("diff --git a/src/main.py b/src/main.py\nindex ")
    assert patch.endswith("@@ -1,3 +1,4 @@\n one\n-two\n+2\n three\n+four\n")


async def test_a_patch_is_what_git_can_apply(
    work: CapturedWork, remote: Remote, tmp_path: Path
) -> None:
    (work.tree / "src" / "main.py").write_text("one\nthree")
    (work.tree / "new.txt").write_text("diff --git a/x b/x\n")
    (work.tree / "gone.txt").unlink()
    (work.tree / "gone.txt").symlink_to("kept.txt")

    captured = await work.captured()

    for number, file in enumerate(captured.files):
        patch = tmp_path / f"{number}.patch"
        patch.write_text(file.patch or "")
        remote.git("apply", str(patch))
    assert (remote.path / "src" / "main.py").read_text() == "one\nthree"
    assert (remote.path / "new.txt").read_text() == "diff --git a/x b/x\n"
    assert (remote.path / "gone.txt").readlink() == Path("kept.txt")


async def test_the_same_files_have_the_same_tree_and_are_not_told_again(work: CapturedWork) -> None:
    before = await work.captured()
    (work.tree / "a").write_text("1")
    after = await work.captured()

    assert after.tree_id != before.tree_id
    assert await work.capture(unless=after.tree_id) is None
    (work.tree / "a").unlink()
    assert await work.capture(unless=before.tree_id) is None


async def test_committed_and_staged_work_counts_as_uncommitted_does(work: CapturedWork) -> None:
    (work.tree / "a").write_text("1\n")
    await work.git("add", "a")
    staged = await work.captured()
    await work.git(
        "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "a"
    )

    assert (await work.captured()).files == staged.files


async def test_the_agents_index_and_repository_are_left_as_they_are(work: CapturedWork) -> None:
    (work.tree / "new.txt").write_text("new")
    index = Path(await work.git("rev-parse", "--absolute-git-dir")) / "index"
    before = index.read_bytes(), await work.git("count-objects")

    await work.captured()

    assert (index.read_bytes(), await work.git("count-objects")) == before
    assert await work.git("status", "--short") == "?? new.txt"


async def test_programs_an_agent_set_up_for_git_do_not_run(
    work: CapturedWork, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    program = f"sh -c 'touch {ran}; cat'"
    for name in ("filter.x.clean", "filter.x.process", "diff.x.textconv", "diff.x.command"):
        await work.git("config", name, program)
    await work.git("config", "diff.external", program)
    await work.git("config", "core.fsmonitor", program)
    (work.tree / ".gitattributes").write_text("* filter=x diff=x\n")
    (work.tree / "src" / "main.py").write_text("changed\n")

    assert (await work.files())["src/main.py"].content == b"changed\n"
    assert not ran.exists()


async def test_nobody_looks_into_a_repository_inside_but_what_it_has_checked_out_is_told(
    work: CapturedWork, git: Git, tmp_path: Path
) -> None:
    inside = work.tree / "inside"
    inside.mkdir()

    async def commit(text: str) -> None:
        (inside / "file").write_text(text)
        await git.run("add", "--all", folder=inside)
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        await git.run(*who, "commit", "--quiet", "-m", "x", folder=inside)

    await git.run("init", "--quiet", folder=inside)
    (inside / ".gitattributes").write_text("* filter=x\n")
    await commit("1\n")
    first = await work.captured()
    await git.run("config", "filter.x.clean", f"touch {tmp_path}/ran; cat", folder=inside)
    (inside / "file").write_text("2\n")

    assert await work.capture(unless=first.tree_id) is None
    assert not (tmp_path / "ran").exists()

    await git.run("config", "--unset", "filter.x.clean", folder=inside)
    await commit("3\n")
    assert (await work.captured()).tree_id != first.tree_id
    shutil.rmtree(inside)
    assert await work.files() == {}


async def test_ignored_files_an_agent_tracks_are_followed(work: CapturedWork) -> None:
    await work.captured()
    (work.tree / "ignored").mkdir()
    (work.tree / "ignored" / "x").write_text("1\n")
    await work.git("add", "--force", "ignored/x")
    assert (await work.files())["ignored/x"].content == b"1\n"

    (work.tree / "ignored" / "x").write_text("2\n")
    assert (await work.files())["ignored/x"].content == b"2\n"


async def test_names_that_are_no_text_and_names_with_every_character_are_shown(
    work: CapturedWork,
) -> None:
    odd = 'tab\t new\nline "quote" ünï'
    (work.tree / odd).write_text("x")
    (work.tree / os.fsdecode(b"latin\xff")).write_text("x")

    files = await work.files()

    assert set(files) == {odd, "latin\\xff"}
    assert all(file.content == b"x" and file.patch for file in files.values())


async def test_repositories_inside_and_files_that_are_none_do_no_harm(
    work: CapturedWork, git: Git
) -> None:
    for name in ("empty", "full"):
        inside = work.tree / name
        inside.mkdir()
        await git.run("init", "--quiet", folder=inside)
    await git.run(
        *("-c", "user.name=x", "-c", "user.email=x@example.com"),
        *("commit", "--quiet", "--allow-empty", "-m", "x"),
        folder=work.tree / "full",
    )
    os.mkfifo(work.tree / "pipe")
    (work.tree / "dangling").symlink_to("nowhere")
    (work.tree / "new.txt").write_text("new")

    files = await work.files()

    assert {"new.txt", "dangling", "full"} == set(files)
    assert files["dangling"].content == b"nowhere"
    assert files["full"].content is None


async def test_an_index_only_its_own_repository_can_read_is_done_without(
    work: CapturedWork,
) -> None:
    await work.git("update-index", "--split-index")
    (work.tree / "new.txt").write_text("new")

    assert set(await work.files()) == {"new.txt"}


async def test_a_file_that_is_not_encoded_as_its_attributes_say_is_taken_as_it_is(
    work: CapturedWork,
) -> None:
    """Agents write UTF-8 where a project has UTF-16, and git then adds nothing at all."""
    (work.tree / ".gitattributes").write_text("*.rc text working-tree-encoding=UTF-16\n")
    (work.tree / 'new "\n.rc').write_text("not UTF-16\n")
    (work.tree / "kept.txt").write_text("changed\n")
    (work.tree / "gone.txt").unlink()

    files = await work.files()
    (work.tree / 'new "\n.rc').write_text("mended\n", encoding="utf-16")
    mended = await work.files()

    assert set(files) == {".gitattributes", 'new "\n.rc', "kept.txt", "gone.txt"}
    assert files['new "\n.rc'].content == b"not UTF-16\n"
    assert mended['new "\n.rc'].content == b"mended\n"


async def test_links_and_programs_among_files_of_another_encoding_stay_what_they_are(
    work: CapturedWork,
) -> None:
    (work.tree / ".gitattributes").write_text("*.rc text working-tree-encoding=UTF-16\n")
    (work.tree / "new.rc").write_text("not UTF-16\n")
    (work.tree / "program.rc").write_text("not UTF-16\n")
    (work.tree / "program.rc").chmod(0o755)
    for name, target in (("file", "kept.txt"), ("folder", "src"), ("nothing", "nowhere")):
        (work.tree / f"{name}.rc").symlink_to(target)

    files = await work.files()

    patches = {path: file.patch or "" for path, file in files.items()}
    modes = {path: patch.partition("new file mode ")[2][:6] for path, patch in patches.items()}
    assert modes == {
        ".gitattributes": "100644",
        "new.rc": "100644",
        "program.rc": "100755",
        "file.rc": "120000",
        "folder.rc": "120000",
        "nothing.rc": "120000",
    }
    assert files["file.rc"].content == b"kept.txt"


async def test_a_tree_whose_repository_the_agent_replaced_is_still_captured(
    work: CapturedWork, git: Git
) -> None:
    (work.tree / ".git").unlink()
    await git.run("init", "--quiet", folder=work.tree)
    (work.tree / "new.txt").write_text("new")

    assert set(await work.files()) == {"new.txt"}


async def test_a_lock_of_a_killed_git_does_not_stop_the_next_capture(
    work: CapturedWork, sandboxes: LocalSandboxes
) -> None:
    await work.captured()
    (sandboxes.state_folder(TaskId("task_1")) / "capture" / "index.lock").touch()
    (work.tree / "new.txt").write_text("new")

    assert set(await work.files()) == {"new.txt"}
