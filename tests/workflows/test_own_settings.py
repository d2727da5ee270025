"""Whatever an agent writes into the repository it shares with the worker, git of the worker runs none of it."""

import os
import shutil
from pathlib import Path

import pytest

from events.ids import TaskId
from tests.workflows.remote import REPOSITORY, Remote, said
from workflows.branches import Branches
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.own_settings import OwnSettings
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.sandbox import NewBranch, Sandbox
from workflows.sandbox_git import SandboxGit
from workflows.stack_plan import Step
from workflows.stacks import Stacks

EVERYWHERE = (
    'git config "includeIf.gitdir:**/worktrees/**.path" "$included"; git config -f "$included"'
)

TRAPS = {
    "another address and a protocol that is a program": (
        'git config protocol.ext.allow always; git config "url.ext::$evil .insteadOf" "$url"'
    ),
    "a program that lists another repository's references": (
        'git config core.alternateRefsCommand "$evil"; git init -q other; '
        'echo "$PWD/other/.git/objects" >"$common/objects/info/alternates"'
    ),
    "a filter for working trees only": (
        f'{EVERYWHERE} filter.x.clean "$evil"; git config -f "$included" filter.x.smudge "$evil"; '
        'mkdir -p "$common/info"; echo "* filter=x" >"$common/info/attributes"'
    ),
    "a filter in the settings of one working tree": (
        'git config extensions.worktreeConfig true; git config --worktree filter.x.clean "$evil"; '
        'mkdir -p "$common/info"; echo "* filter=x" >"$common/info/attributes"'
    ),
    "a merge driver": (
        f'{EVERYWHERE} merge.x.driver "$evil"; '
        'mkdir -p "$common/info"; echo "* merge=x" >"$common/info/attributes"'
    ),
    "hooks and a monitor": (
        f'mkdir -p "$common/hooks"; {EVERYWHERE} core.hooksPath "$common/hooks"; '
        'git config -f "$included" core.fsmonitor "$evil"; '
        "for hook in post-checkout reference-transaction post-index-change pre-push post-rewrite; "
        'do cp "$evil" "$common/hooks/$hook"; done'
    ),
    "a filter of a repository inside": (
        "git init -q inside; cd inside; echo '* filter=x' >.gitattributes; echo 1 >file; git add .; "
        "git commit -q -m 1; cd ..; git add inside; git commit -q -m inside; "
        'git -C inside config filter.x.clean "$evil"; touch -d 2001-01-01 inside/file'
    ),
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
async def test_no_program_named_in_the_shared_repository_runs(
    trap: str,
    sandboxes: LocalSandboxes,
    remotes: Remotes,
    repositories: Repositories,
    remote: Remote,
    tmp_path: Path,
) -> None:
    remote.commit(a="1\n")
    remote.git("checkout", "--quiet", "--detach")
    sandbox = await prepared(sandboxes, remote, "one")
    tree = Path(sandbox.path)
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\ncat\n")
    evil.chmod(0o755)
    (tree / "n").write_text("1\n")
    await SandboxGit(sandboxes, sandbox).commit_all(branch="one", message="work")
    child = await sandboxes.start(
        sandbox,
        ["sh", "-ec", f'common=$(git rev-parse --git-common-dir); {trap}; rm -rf "$TMPDIR"'],
        env={"evil": str(evil), "url": remote.url, "included": str(tmp_path / "included")},
    )
    assert await said(child) == (0, "")
    (tmp_path / "ran").unlink(missing_ok=True)
    os.utime(tree / "a", (1e9, 1e9))

    # Everything the worker has git do: look, fetch, check out, compare, rebase, move, push, merge.
    remote.git("checkout", "--quiet", "main")
    base = remote.commit(b="1\n")
    remote.git("checkout", "--quiet", "--detach")
    await remotes.state(REPOSITORY, remote.url)
    await prepared(sandboxes, remote, "two")
    branches = Branches(repositories, sandboxes)
    stacks = Stacks(repositories, nobody)
    moved = await stacks.rebase(REPOSITORY, remote_url=remote.url, steps=one_onto_main)
    await stacks.publish(REPOSITORY, remote_url=remote.url, moved=moved)
    await stacks.move(REPOSITORY, moved=moved)
    await branches.push(REPOSITORY, remote_url=remote.url, branch="one", base=base)
    await branches.merge(REPOSITORY, remote_url=remote.url, branch="one", base=base, title="one")

    assert remote.git("show", "main:n") == "1"
    assert (tree / "b").read_text() == "1\n"
    assert not (tmp_path / "ran").exists()


async def test_what_an_agent_puts_in_the_place_of_a_commit_no_other_task_begins_with(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    base = remote.commit(a="1\n")
    sandbox = await prepared(sandboxes, remote, "one")
    script = (
        "echo 2 >a; git add a; other=$(git commit-tree -m other $(git write-tree)); "
        f"git replace {base} $other"
    )
    assert (await said(await sandboxes.start(sandbox, ["sh", "-ec", script])))[0] == 0

    other = await prepared(sandboxes, remote, "two")

    assert Path(other.path, "a").read_text() == "1\n"


async def test_the_agents_own_git_goes_by_the_settings_of_the_repository(
    sandboxes: LocalSandboxes, remote: Remote
) -> None:
    remote.commit(a="1\n")
    sandbox = await prepared(sandboxes, remote, "one")

    child = await sandboxes.start(sandbox, ["sh", "-ec", "git fetch -q; git config x.y 1"])
    assert (await said(child))[0] == 0

    other = await prepared(sandboxes, remote, "two")
    assert await said(await sandboxes.start(other, ["git", "config", "x.y"])) == (0, "1\n")


async def test_what_is_tidied_up_through_the_own_settings_keeps_what_working_trees_hold(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote
) -> None:
    remote.commit(a="1\n")
    sandbox = await prepared(sandboxes, remote, "one")
    script = (
        "echo staged >s; git add s; git checkout -q --detach; git commit -q --allow-empty -m apart"
    )
    assert (await said(await sandboxes.start(sandbox, ["sh", "-ec", f"{script}; git add s"])))[
        0
    ] == 0

    async with repositories.alone(REPOSITORY) as repository:
        await repository.run("gc", "--quiet", "--prune=now")

    kept = [
        "sh",
        "-ec",
        "git fsck --full --no-dangling 2>/dev/null; git show :s; git log -1 --format=%s",
    ]
    assert await said(await sandboxes.start(sandbox, kept)) == (0, "staged\napart\n")


async def test_an_agent_that_tidies_up_takes_nothing_that_is_about_to_be_on_a_branch(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote, git: Git
) -> None:
    """`git gc --prune=now` removes what no branch has: of another task's commit, or of a fetch, that has not ended."""
    remote.commit(a="1\n")
    sandbox = await prepared(sandboxes, remote, "one")
    # As if it had been made by an earlier version.
    forget = "git config --unset-all extensions.preciousObjects || true"
    tidy = "git reflog expire --all --expire=now; git gc --quiet --prune=now"
    born_again = Repositories(git, repositories.path(REPOSITORY).parent, local_root=None)
    assert (await said(await sandboxes.start(sandbox, ["sh", "-ec", forget])))[0] == 0

    async with born_again.alone(REPOSITORY) as repository:
        tree = await repository.run("rev-parse", f"{remote.git('rev-parse', 'main')}^{{tree}}")
        commit = await repository.apart().commit(tree.output.decode().strip(), message="new")
        assert (await said(await sandboxes.start(sandbox, ["sh", "-ec", tidy])))[0] == 0
        await repository.run("update-ref", "refs/heads/two", commit)


async def test_a_working_tree_made_before_there_were_own_settings_goes_along(
    sandboxes: LocalSandboxes, repositories: Repositories, remote: Remote
) -> None:
    remote.commit(a="1\n")
    sandbox = await prepared(sandboxes, remote, "one")
    repository = repositories.path(REPOSITORY)
    shutil.rmtree(repository.with_name(f"{repository.name}.own"))
    leads_to = repository / "worktrees" / sandbox.task_id
    Path(sandbox.path, ".git").write_text(f"gitdir: {leads_to}\n")
    newest = remote.commit(b="1\n")

    stacks = Stacks(repositories, nobody)
    moved = await stacks.rebase(REPOSITORY, remote_url=remote.url, steps=one_onto_main)
    await stacks.move(REPOSITORY, moved=moved)

    assert Path(sandbox.path, "b").read_text() == "1\n"
    child = await sandboxes.start(sandbox, ["sh", "-c", "git rev-parse HEAD; git status --short"])
    assert await said(child) == (0, f"{newest}\n")


async def test_a_repository_may_be_moved(
    git: Git, remotes: Remotes, remote: Remote, tmp_path: Path
) -> None:
    remote.commit(a="1\n")
    await remotes.state(REPOSITORY, remote.url)
    shutil.copytree(tmp_path / "data", tmp_path / "moved", symlinks=True)
    shutil.rmtree(tmp_path / "data")
    main = remote.commit(a="2\n")

    moved = Repositories(git, tmp_path / "moved" / "repositories", local_root=tmp_path)
    state = await Remotes(git, moved).state(REPOSITORY, remote.url)

    assert [branch.sha for branch in state.branches] == [main]
    assert not (tmp_path / "data").exists()


async def nobody(task_id: TaskId) -> bool:
    return False


def one_onto_main(present: set[str], default: str | None) -> list[Step]:
    return [Step(branch="one", parent="main", base=None)]


async def prepared(sandboxes: LocalSandboxes, remote: Remote, branch: str) -> Sandbox:
    sandbox = sandboxes.allocate(task_id=TaskId(f"task_{branch}"), repository_id=REPOSITORY)
    await sandboxes.prepare(sandbox, remote_url=remote.url, branch=NewBranch(branch))
    return sandbox


def test_settings_that_stand_there_need_no_room_on_the_disk(tmp_path: Path) -> None:
    own = OwnSettings(tmp_path / "repository")
    own.make()
    (own.folder / "HEAD").write_text("ref: refs/heads/of-an-agent\n")
    before = (own.folder / "config").stat()

    own.make()

    # A file that is written anew is another one.
    assert (own.folder / "config").stat().st_ino == before.st_ino
    assert (own.folder / "HEAD").read_text() == "ref: refs/heads/none\n"
