"""The work of a task pushed, merged, renamed and reverted with real git, in repositories as people have them."""

from pathlib import Path

import pytest

from events.ids import TaskId
from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote, said
from workflows.branches import Branches
from workflows.file_revert import FileRevert
from workflows.local_sandbox import LocalSandboxes
from workflows.repositories import Repositories
from workflows.sandbox import BranchExists, NewBranch, RemoteUnavailable, Sandbox
from workflows.sandbox_git import SandboxGit
from workflows.scratch import Conflicting, PushRefused

WORK = "work/ü"


class Work:
    """A task's working tree on a branch of its own, and what is done with it."""

    def __init__(self, remote: Remote, sandboxes: LocalSandboxes, branches: Branches) -> None:
        self.remote = remote
        self.sandboxes = sandboxes
        self.branches = branches
        self.sandbox: Sandbox = sandboxes.allocate(
            task_id=TaskId("task_1"), repository_id=REPOSITORY
        )
        self.base = ""

    @property
    def tree(self) -> Path:
        return Path(self.sandbox.path)

    @property
    def git(self) -> SandboxGit:
        return SandboxGit(self.sandboxes, self.sandbox)

    async def begin(self) -> None:
        checkout = await self.sandboxes.prepare(
            self.sandbox, remote_url=self.remote.url, branch=NewBranch(WORK)
        )
        self.base = checkout.base

    async def run(self, script: str) -> str:
        child = await self.sandboxes.start(self.sandbox, ["sh", "-ec", script])
        exit_code, output = await said(child)
        assert exit_code == 0, output
        return output.strip()

    async def commit(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)
        assert await self.git.commit_all(branch=WORK, message="Änderung")

    async def push(self) -> str:
        return await self.branches.push(
            REPOSITORY, remote_url=self.remote.url, branch=WORK, base=self.base
        )

    async def merge(self) -> str:
        return await self.branches.merge(
            REPOSITORY, remote_url=self.remote.url, branch=WORK, base=self.base, title="The work"
        )

    async def rename(self, new: str, old: str = WORK) -> None:
        await self.branches.rename(self.sandbox, remote_url=self.remote.url, old=old, new=new)


@pytest.fixture
def branches(repositories: Repositories, sandboxes: LocalSandboxes) -> Branches:
    return Branches(repositories, sandboxes)


@pytest.fixture
async def work(remote: Remote, sandboxes: LocalSandboxes, branches: Branches) -> Work:
    """Work on a repository whose default branch nobody has checked out, so that it can be merged into."""
    remote.commit(a="1\n", **{"b c__ü": "1\n"})
    remote.git("checkout", "--quiet", "--detach")
    work = Work(remote, sandboxes, branches)
    await work.begin()
    return work


# --- Push ---


async def test_what_is_committed_is_pushed_and_pushing_again_changes_nothing(work: Work) -> None:
    await work.commit("new ü.txt", "1\n")

    tip = await work.push()

    assert work.remote.git("rev-parse", WORK) == tip == await work.push()
    assert work.remote.git("show", f"{WORK}:new ü.txt") == "1"
    assert work.remote.git("log", "-1", "--format=%an %s", WORK) == "Foundry agent Änderung"


async def test_there_is_nothing_to_push_before_something_is_committed(work: Work) -> None:
    with pytest.raises(Rejected) as refused:
        await work.push()

    assert refused.value.code == "nothing_to_push"


async def test_commits_of_others_in_the_remote_are_never_lost(work: Work) -> None:
    await work.commit("n", "1\n")
    await work.push()
    work.remote.git("checkout", "--quiet", WORK)
    theirs = work.remote.commit(m="theirs")
    work.remote.git("checkout", "--quiet", "--detach")
    await work.commit("n", "2\n")

    with pytest.raises(Rejected) as refused:
        await work.push()

    assert refused.value.code == "not_fast_forward"
    assert work.remote.git("rev-parse", WORK) == theirs


async def test_a_remote_that_says_no_is_quoted(work: Work) -> None:
    hook = work.remote.path / ".git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    await work.commit("n", "1\n")

    with pytest.raises(PushRefused, match=f"{WORK}: pre-receive hook declined"):
        await work.push()


async def test_a_remote_that_disappeared_may_come_back(work: Work) -> None:
    await work.commit("n", "1\n")
    work.remote.path.rename(work.remote.path.with_name("elsewhere"))

    with pytest.raises(RemoteUnavailable):
        await work.push()

    work.remote.path.with_name("elsewhere").rename(work.remote.path)
    assert work.remote.git("rev-parse", "main") != await work.push()


async def test_what_an_agent_writes_into_the_settings_does_not_run_in_the_worker(
    work: Work, tmp_path: Path
) -> None:
    witness = tmp_path / "ran"
    await work.run(
        f"git config merge.evil.driver 'touch {witness}'; git config merge.evil.name evil; "
        f"git config 'remote.{work.remote.url}.receivepack' 'touch {witness};'; "
        "echo '* merge=evil' >.gitattributes"
    )
    work.remote.git("checkout", "--quiet", "main")
    work.remote.commit(a="2\n")
    work.remote.git("checkout", "--quiet", "--detach")
    await work.commit("a", "3\n")

    with pytest.raises(Conflicting):
        await work.merge()
    await work.push()

    assert not witness.exists()


# --- Merge ---


async def test_a_merge_is_a_commit_of_its_own_and_merging_again_changes_nothing(
    work: Work,
) -> None:
    await work.commit("n", "1\n")
    work.remote.git("checkout", "--quiet", "main")
    work.remote.commit(m="theirs")
    work.remote.git("checkout", "--quiet", "--detach")

    merged = await work.merge()

    assert work.remote.git("rev-parse", "main") == merged == await work.merge()
    assert work.remote.git("show", "main:n") == "1"
    assert work.remote.git("show", "main:m") == "theirs"
    assert (
        work.remote.git("log", "-1", "--format=%s|%b", "main") == f"Merge branch '{WORK}'|The work"
    )


async def test_a_conflict_names_the_files_and_changes_nothing(work: Work) -> None:
    (work.tree / "b c" / "ü").write_text("mine\n")
    await work.commit("a", "mine\n")
    work.remote.git("checkout", "--quiet", "main")
    theirs = work.remote.commit(a="theirs\n", **{"b c__ü": "theirs\n"})
    work.remote.git("checkout", "--quiet", "--detach")
    before = await work.run("git rev-parse HEAD && git status --short")

    with pytest.raises(Conflicting, match="conflicts in a, b c/ü") as stopped:
        await work.merge()

    assert stopped.value.files == ("a", "b c/ü")
    assert work.remote.git("rev-parse", "main") == theirs
    assert await work.run("git rev-parse HEAD && git status --short") == before


async def test_there_is_nothing_to_merge_before_something_is_committed(work: Work) -> None:
    with pytest.raises(Rejected) as refused:
        await work.merge()

    assert refused.value.code == "nothing_to_merge"


async def test_a_default_branch_that_is_checked_out_in_the_remote_refuses_the_merge(
    work: Work,
) -> None:
    work.remote.git("checkout", "--quiet", "main")
    await work.commit("n", "1\n")

    with pytest.raises(PushRefused, match="main: branch is currently checked out"):
        await work.merge()


async def test_in_an_empty_repository_the_first_branch_is_pushed_and_nothing_merged(
    remote: Remote, sandboxes: LocalSandboxes, branches: Branches
) -> None:
    work = Work(remote, sandboxes, branches)
    await work.begin()
    with pytest.raises(Rejected):
        await work.push()
    with pytest.raises(Rejected):
        await work.merge()

    await work.rename("renamed")
    await work.rename(WORK, old="renamed")
    await work.commit("n", "1\n")

    assert await work.push() == remote.git("rev-parse", WORK)


async def test_submodules_are_carried_and_not_followed(work: Work, tmp_path: Path) -> None:
    inner = Remote(tmp_path / "remotes" / "inner")
    inner.commit(x="1")
    await work.run(f"git -c protocol.file.allow=always submodule --quiet add -- '{inner.url}' lib")
    assert await work.git.commit_all(branch=WORK, message="with a module")

    await work.push()
    merged = await work.merge()

    assert work.remote.git("ls-tree", merged, "lib").startswith("160000 commit")


# --- What is not committed, and names ---


async def test_everything_is_committed_except_what_git_ignores(work: Work) -> None:
    (work.tree / ".gitignore").write_text("*.log\n")
    (work.tree / "x.log").write_text("noise")
    (work.tree / "b c" / "ü").unlink()

    assert await work.git.commit_all(branch=WORK, message="all")
    assert not await work.git.commit_all(branch=WORK, message="all")

    assert await work.run("git status --short") == ""
    assert await work.run("git ls-files") == ".gitignore\na"


async def test_work_on_another_branch_is_not_committed_to_it(work: Work) -> None:
    await work.run("git checkout --quiet -b elsewhere; echo 2 >a")

    with pytest.raises(Rejected) as refused:
        await work.git.commit_all(branch=WORK, message="all")

    assert refused.value.code == "branch_left"


async def test_a_branch_is_renamed_where_it_is_checked_out_and_again_is_the_same(
    work: Work, repositories: Repositories
) -> None:
    await work.commit("n", "1\n")

    await work.rename("better/name")
    await work.rename("better/name")

    assert await work.run("git status --short --branch") == "## better/name"
    await work.sandboxes.release(work.sandbox.task_id, branch="delete")
    async with repositories.alone(REPOSITORY) as repository:
        assert await repository.tips("refs/heads/") == {}


@pytest.mark.parametrize("name", ["main", "main/below"])
async def test_a_name_that_is_taken_is_refused(work: Work, name: str) -> None:
    with pytest.raises(BranchExists) as refused:
        await work.rename(name)

    assert "on_branch" not in refused.value.detail

    assert await work.run("git branch --show-current") == WORK


# --- Files ---


async def revert(work: Work, path: str) -> None:
    file = FileRevert(work.sandboxes, work.sandbox, base=work.base)
    await file.check(path)
    await file.revert(path)


@pytest.mark.parametrize(
    "script",
    [
        "echo 2 >'b c/ü'",
        "rm -r 'b c'",
        "git rm --quiet -r 'b c'",
        "git mv 'b c/ü' moved && git commit --quiet -m moved && rm moved && git rm --quiet moved",
        "echo 2 >'b c/ü'; git commit --quiet --all -m two",
    ],
)
async def test_a_file_comes_back_as_it_was_at_the_base(work: Work, script: str) -> None:
    await work.run(script)

    await revert(work, "b c/ü")

    assert (work.tree / "b c" / "ü").read_text() == "1\n"
    assert await work.run(f"git diff {work.base}") == ""


@pytest.mark.parametrize("then", ["", "&& git add .", "&& git add . && git commit --quiet -m x"])
async def test_a_file_that_was_not_there_goes(work: Work, then: str) -> None:
    await work.run(f"mkdir 'n w' && echo 1 >'n w/*' && echo 1 >'n w/ä' {then}")
    assert await work.git.is_here("n w/*")

    await revert(work, "n w/*")

    assert not await work.git.is_here("n w/*")
    assert [path.name for path in (work.tree / "n w").iterdir()] == ["ä"]


async def test_nothing_beyond_a_link_is_removed(work: Work, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("1")
    (work.tree / "link").symlink_to(outside)

    assert not await work.git.is_here("link/precious")
    await work.git.remove("link/precious")

    assert (outside / "precious").exists()


@pytest.mark.parametrize("moved", ["git mv 'b c/ü' moved", "mv 'b c/ü' moved"])
async def test_a_renamed_file_goes_back_to_where_it_was(work: Work, moved: str) -> None:
    await work.run(moved)

    await revert(work, "moved")

    assert (work.tree / "b c" / "ü").read_text() == "1\n"
    assert not (work.tree / "moved").exists()
    assert await work.run("git status --short") == ""


async def test_a_file_that_moved_below_its_own_name_goes_back(work: Work) -> None:
    await work.run("mv 'b c/ü' ü; rm -r 'b c'; mkdir -p 'b c/ü'; mv ü 'b c/ü/x'")

    await revert(work, "b c/ü/x")

    assert await work.run("git status --short") == ""


async def test_a_renamed_file_goes_back_though_it_was_interrupted_half_way(work: Work) -> None:
    await work.run("git mv 'b c/ü' moved")
    await work.git.restore(work.base, "b c/ü")

    await FileRevert(work.sandboxes, work.sandbox, base=work.base).revert("moved")

    assert await work.run("git status --short") == ""


async def test_a_repository_that_was_not_there_goes(work: Work) -> None:
    await work.run("git init --quiet new; echo 1 >new/x")

    await revert(work, "new")

    assert not (work.tree / "new").exists()


async def test_a_submodule_is_not_said_to_be_reverted(work: Work) -> None:
    tip = await work.run("git rev-parse HEAD")
    work.base = await work.run(
        f"git update-index --add --cacheinfo 160000,{tip},lib; git commit --quiet -m lib; "
        "git rev-parse HEAD"
    )

    with pytest.raises(Rejected) as refused:
        await revert(work, "lib")

    assert refused.value.code == "submodule"


@pytest.mark.parametrize(
    ("script", "path", "other"),
    [
        ("rm a; mkdir a; echo mine >a/new", "a", "a/new"),
        ("rm a; git init --quiet a", "a", "a/.git/HEAD"),
        ("rm -r 'b c'; echo mine >'b c'", "b c/ü", "b c"),
        ("rm -r 'b c'; ln -s . 'b c'; git add .", "b c/ü", "b c"),
        ("git mv 'b c/ü' moved; rmdir 'b c'; echo mine >'b c'", "moved", "b c"),
    ],
)
async def test_what_stands_in_the_way_is_not_lost(
    work: Work, script: str, path: str, other: str
) -> None:
    await work.run(script)
    before = await work.run("git status --short --untracked-files=all")

    with pytest.raises(Rejected) as refused:
        await revert(work, path)

    assert refused.value.code == "in_the_way"
    assert other.partition("/")[0] in refused.value.detail
    assert await work.run("git status --short --untracked-files=all") == before


async def test_once_what_stood_in_the_way_is_reverted_the_file_is_too(work: Work) -> None:
    await work.run("rm a; mkdir -p a/empty; echo mine >a/new; git add --all")

    await revert(work, "a/new")
    await revert(work, "a")

    assert (work.tree / "a").read_text() == "1\n"


async def test_a_name_that_is_no_text_is_reverted_as_it_is_shown(work: Work) -> None:
    await work.run("echo 2 >\"$(printf 'n\\377')\"; echo 3 >'n\\xfe'")

    await revert(work, "n\\xff")
    await revert(work, "n\\xfe")

    assert await work.run("git status --short") == ""


async def test_a_file_whose_name_is_spelled_like_another_is_the_one_that_is_meant(
    work: Work,
) -> None:
    await work.run("echo 2 >\"$(printf 'n\\377')\"; echo 3 >'n\\xff'")

    await revert(work, "n\\xff")

    assert await work.run("git status --short") == '?? "n\\377"'
