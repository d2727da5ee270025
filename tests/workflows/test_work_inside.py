"""Repositories inside a working tree: what an archive keeps of them, and that it can be had again."""

from pathlib import Path

import pytest

from runtime.errors import Rejected, Unavailable
from tests.workflows.remote import ONE, TWO, Remote, prepare, run
from tests.workflows.work import WORK, Work
from workflows import work_inside
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import ExistingBranch, NewBranch
from workflows.sandbox_git import SandboxGit
from workflows.work_inside import WorkInside, kept_inside

UNDER = kept_inside(ONE)

CLONE = 'git clone --quiet "$remote" in'
OWN = "echo mine >new && git add . && git commit --quiet -m own"

KINDS = {
    "begun here": f"git init --quiet in; cd in; {OWN}",
    "without a commit": "git init --quiet in; echo mine >in/new",
    "a clone": f"{CLONE}; cd in; {OWN}",
    "not committed": f"{CLONE}; echo mine >in/new",
    "on no branch": f"{CLONE}; cd in; git checkout --quiet --detach; {OWN}",
    "a shallow clone": f'git clone --quiet --depth 1 "file://$remote" in; cd in; {OWN}',
    "a submodule": 'git -c protocol.file.allow=always submodule --quiet add "$remote" in;'
    f" cd in; {OWN}",
    "a working tree on no branch": f"git worktree add --quiet --detach in; cd in; {OWN}",
    "left by a killed git": f"{CLONE}; echo mine >in/new; touch in/.git/index.lock",
    "left by a killed archive": f'{CLONE}; echo mine >in/new; own=$(git rev-parse --git-dir); touch "$own"/foundry.bundle.lock "$own"/foundry.index.lock',
}
ELSEWHERE = {
    "on another branch": (
        f"{CLONE}; cd in; git checkout --quiet -b other; {OWN}; git checkout --quiet main",
        "in.bundle",
        "refs/heads/other",
    ),
    "one inside another": (
        "git init --quiet in; git init --quiet in/in; echo mine >in/in/new",
        "in/in.bundle",
        "HEAD",
    ),
}


@pytest.mark.parametrize(
    ("script", "bundle", "reference"),
    [*((script, "in.bundle", "HEAD") for script in KINDS.values()), *ELSEWHERE.values()],
    ids=[*KINDS, *ELSEWHERE],
)
async def test_what_is_nowhere_else_is_kept_and_can_be_had_again(
    work: Work, script: str, bundle: str, reference: str
) -> None:
    work.remote.git("symbolic-ref", "HEAD", "refs/heads/main")
    await work.run(f"remote='{work.remote.url}'; {script}")

    kept = await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")
    repeated = await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")
    await work.git.keep_all(branch=WORK, base=work.base, message="Änderung")
    await work.sandboxes.release(ONE, branch="keep")

    assert kept == repeated == UNDER
    sandbox, _ = await prepare(work.sandboxes, work.remote, ExistingBranch(WORK), TWO)
    got = await run(
        work.sandboxes,
        sandbox,
        f"git show {UNDER}:{bundle} >../kept; git clone --quiet '{work.remote.url}' ../again; cd ../again;"
        f" git fetch --quiet ../kept {reference}; git show FETCH_HEAD:new",
    )
    assert got == "mine"


@pytest.mark.parametrize(
    "make",
    [
        'git clone --quiet "$remote" in',
        "git worktree add --quiet in; cd in; echo mine >new",
        "echo in >.gitignore; git init --quiet in; echo mine >in/new; git init --quiet in/in",
        "mkdir in; echo 'gitdir: /nowhere' >in/.git",
        "mkdir -p in/.git; echo mine >in/new",
    ],
    ids=["a clone", "a working tree", "ignored", "a link that leads nowhere", "no repository"],
)
async def test_what_is_somewhere_else_or_ignored_is_not_kept(work: Work, make: str) -> None:
    await work.run(f"remote='{work.remote.url}'; {make}")

    assert await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung") is None


async def test_a_commit_that_the_task_began_with_is_not_kept_though_no_branch_shows_it(
    sandboxes: LocalSandboxes, remote: Remote, tmp_path: Path
) -> None:
    inner = Remote(tmp_path / "remotes" / "inner")
    pinned = inner.commit(a="1")
    inner.commit(a="2")
    remote.git("clone", "--quiet", inner.url, "in")
    remote.git("-C", "in", "checkout", "--quiet", pinned)
    remote.commit()
    sandbox, checkout = await prepare(sandboxes, remote, NewBranch(WORK))
    begin = "git init --quiet; git fetch --quiet --depth 1"
    pin = f"git checkout --quiet --detach {pinned}"
    await run(sandboxes, sandbox, f"cd in; {begin} '{inner.url}' {pinned}; {pin}")
    inside = WorkInside(SandboxGit(sandboxes, sandbox))

    kept = await inside.keep(base=checkout.base, under=UNDER, message="Änderung")
    await run(sandboxes, sandbox, "echo mine >in/new")
    kept_then = await inside.keep(base=checkout.base, under=UNDER, message="Änderung")

    assert (kept, kept_then) == (None, UNDER)


async def test_a_repository_whose_name_is_no_text_is_not_passed_over(work: Work) -> None:
    await work.run(r"name=$(printf 'in\377'); git init --quiet $name; echo mine >$name/new")

    with pytest.raises(Rejected, match="rename it"):
        await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")


async def test_of_very_many_none_is_passed_over(work: Work) -> None:
    for half in ("one", "other"):
        await work.run(f"mkdir {half}; git init --quiet {half}/in; echo mine >{half}/in/new")
        # Of each half alone `find` says more than is kept of what else is run; none of these is a repository.
        for number in range(20):
            far = Path(half, str(number), *["n" * 200] * 17, ".git")
            (work.tree / far).mkdir(parents=True)

    await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")

    kept = await work.run(f"git ls-tree -r --name-only {UNDER}")
    assert kept.split() == ["one/in.bundle", "other/in.bundle"]


async def test_more_than_can_be_listed_is_not_kept_in_part(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_inside, "LISTED_BYTES", 10)
    await work.run("git init --quiet one; git init --quiet other")

    with pytest.raises(Rejected, match="find says more"):
        await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")


async def test_one_that_git_cannot_work_in_is_named(work: Work) -> None:
    await work.run(f"git init --quiet in; cd in; {OWN}; rm -rf .git/objects/??; echo more >new")

    with pytest.raises(Unavailable, match="The repository in inside cannot be kept: git"):
        await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")


async def test_what_was_not_committed_in_a_further_working_tree_is_on_its_branch(
    work: Work,
) -> None:
    await work.run("git worktree add --quiet in; git worktree lock in; echo mine >in/new")

    await WorkInside(work.git).keep(base=work.base, under=UNDER, message="Änderung")
    await work.sandboxes.release(ONE, branch="keep")

    sandbox, _ = await prepare(work.sandboxes, work.remote, ExistingBranch("in"), TWO)
    assert Path(sandbox.path, "new").read_text() == "mine\n"
