"""One file put back as it was where the work began, with real git."""

from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.work import Work
from workflows.file_revert import FileRevert


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
