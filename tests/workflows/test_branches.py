"""The work of a task pushed, merged and renamed with real git, in repositories as people have them."""

from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.remote import REPOSITORY, Remote
from tests.workflows.work import WORK, Work
from workflows.branches import Branches
from workflows.local_sandbox import LocalSandboxes
from workflows.remotes import Remotes
from workflows.repositories import Repositories
from workflows.sandbox import BranchExists, RemoteUnavailable
from workflows.scratch import Conflicting, PushRefused

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


async def test_commits_that_only_seem_to_be_below_the_pushed_one_are_not_lost_in_the_remote(
    work: Work,
) -> None:
    await work.commit("n", "1\n")
    theirs = await work.push()
    await work.run(
        "mine=$(git commit-tree -m apart HEAD^{tree} -p HEAD~1); git reset --quiet --hard $mine; "
        f"git replace --graft $mine {theirs}"
    )

    with pytest.raises(Rejected) as refused:
        await work.push()

    assert refused.value.code == "not_fast_forward"
    assert work.remote.git("rev-parse", WORK) == theirs


async def test_a_remote_that_says_no_is_quoted(work: Work) -> None:
    hook = work.remote.path / ".git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\necho 'error: Rule violations found.' >&2; echo >&2; echo '- A secret is in n:1' >&2; exit 1\n"
    )
    hook.chmod(0o755)
    await work.commit("n", "1\n")

    with pytest.raises(PushRefused) as refused:
        await work.push()

    assert refused.value.detail == (
        f"The remote did not take {WORK}: pre-receive hook declined."
        " It says: error: Rule violations found. - A secret is in n:1"
    )


async def test_a_host_that_cannot_be_reached_is_told_with_the_reason(
    remotes: Remotes,
) -> None:
    """Git alone says that it could not read; ssh says why."""
    with pytest.raises(RemoteUnavailable, match=r"Connection refused.*FOUNDRY_GIT_SSH_KEY"):
        await remotes.state(REPOSITORY, "ssh://127.0.0.1:1/project")


async def test_what_helps_where_a_password_is_wanted_is_told(remotes: Remotes) -> None:
    """Git says that it could not read a name, since prompts are disabled."""
    with pytest.raises(RemoteUnavailable, match="has to be added by its ssh address"):
        await remotes.state(REPOSITORY, "https://127.0.0.1:1/project")


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


async def test_a_default_branch_that_was_begun_anew_is_no_place_to_merge_into(work: Work) -> None:
    await work.commit("n", "1\n")
    work.remote.git("checkout", "--quiet", "--orphan", "anew")
    work.remote.commit(a="2\n")
    work.remote.git("branch", "--force", "main")

    with pytest.raises(Rejected, match="no commit in common") as refused:
        await work.merge()

    assert refused.value.code == "unrelated"


async def test_a_default_branch_that_is_checked_out_in_the_remote_refuses_the_merge(
    work: Work,
) -> None:
    work.remote.git("checkout", "--quiet", "main")
    await work.commit("n", "1\n")

    with pytest.raises(PushRefused, match="main: branch is currently checked out"):
        await work.merge()


async def test_a_remote_that_is_a_shallow_clone_is_worked_on_like_any_other(
    remote: Remote, sandboxes: LocalSandboxes, remotes: Remotes, branches: Branches
) -> None:
    remote.commit(a="1\n")
    first = remote.commit(a="2\n")
    (remote.path / ".git" / "shallow").write_text(f"{first}\n")
    remote.git("checkout", "--quiet", "--detach")
    work = Work(remote, sandboxes, branches)
    await work.begin()
    await work.commit("n", "1\n")
    remote.git("checkout", "--quiet", "main")
    remote.commit(m="theirs")
    remote.git("checkout", "--quiet", "--detach")

    assert await work.run("git log --format=%H | tail -n 1") == first
    await work.push()
    await work.merge()
    state = await remotes.state(REPOSITORY, remote.url)

    assert remote.git("show", "main:n") == "1"
    assert [(one.name, one.ahead, one.behind) for one in state.branches] == [
        ("main", 0, 0),
        (WORK, 0, 2),
    ]


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


@pytest.mark.parametrize(
    "setting",
    ["user.name ''", "user.useConfigOnly true", "commit.cleanup strip", "core.safecrlf true"],
)
async def test_what_was_set_in_a_sandbox_does_not_keep_the_work_from_being_committed(
    setting: str, work: Work
) -> None:
    """All working trees of the repository share what one agent sets, and a task that cannot be committed cannot be archived."""
    await work.run(f"rm ~/.gitconfig; git config core.autocrlf input; git config {setting}")
    (work.tree / "a").write_bytes(b"1\r\n2\n")

    assert await work.git.commit_all(branch=WORK, message="#42 is done")

    assert await work.run("git log -1 --format=%s") == "#42 is done"


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
