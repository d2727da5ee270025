"""Of what a capture found as much is listed as commits hold, and how much is not is told."""

import msgspec
import pytest

from events.task_files import FilesCaptured, TreeChanged, TreeFile
from tests import facts
from tests.workflows.desk import Desk, Fixed
from workflows.sandbox import CapturedFile

COMMIT_BYTES = 256 << 10


async def test_the_files_of_a_small_tree_are_one_commit_with_the_capture() -> None:
    provider = Fixed()
    provider.tree = (TreeFile(path="a", size=1), TreeFile(path="b", size=2))
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    names = [type(event).__name__ for event in (await desk.commits())[-1].events]
    assert names == ["TreeChanged", "FilesCaptured"]


async def test_how_many_files_are_not_listed_is_told() -> None:
    provider = Fixed()
    provider.omitted, provider.tree_omitted = 5, 7
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    [captured] = (await desk.commits())[-1].events
    assert isinstance(captured, FilesCaptured)
    assert (captured.omitted, captured.tree_omitted) == (5, 7)


@pytest.mark.parametrize(
    ("path", "patch"),
    [
        ("{0:04}.txt", "+{0}\n"),
        ("{0:04}/" * 40, "+{0}\n"),
        ("{0:04}.txt", "\1" * 8000),
        ("\1{0:04}" * 30, "ü\n" * 4000),
    ],
)
async def test_of_many_changed_files_as_many_are_listed_as_a_commit_holds(
    path: str, patch: str
) -> None:
    provider = Fixed()
    provider.tree = tuple(TreeFile(path=f"\1{number:04}" * 40, size=1) for number in range(600))
    provider.files = tuple(
        CapturedFile(
            path=path.format(number),
            kind="added",
            added=1,
            removed=0,
            patch=patch.format(number),
            content=patch.format(number).encode(),
        )
        for number in range(3000)
    )
    provider.omitted = 5
    desk = Desk(local=provider)
    await desk.begin()

    await desk.files.capture(facts.TASK)

    captured = (await desk.commits())[-1].events[-1]
    assert isinstance(captured, FilesCaptured)
    assert len(captured.files) > 500
    assert len(captured.files) + captured.omitted == 3005
    assert [file.path for file in captured.files] == [
        file.path for file in provider.files[: len(captured.files)]
    ]


async def test_a_large_tree_with_long_paths_fits_into_commits_and_none_of_it_is_lost() -> None:
    provider = Fixed()
    provider.tree = tuple(TreeFile(path=f"{number:04}/" * 200, size=1) for number in range(600))
    desk = Desk(local=provider)
    await desk.begin()
    await desk.files.capture(facts.TASK)
    whole, provider.tree = provider.tree, ()

    await desk.files.capture(facts.TASK)

    changes = [event for event in await desk.events() if isinstance(event, TreeChanged)]
    assert [file for event in changes for file in event.put] == list(whole)
    assert [path for event in changes for path in event.removed] == [file.path for file in whole]
    assert max(len(msgspec.json.encode(one)) for one in await desk.commits()) < COMMIT_BYTES
