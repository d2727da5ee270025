"""A repository of thousands of files, some with names that are hard to carry, through the whole system."""

from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.people import House

FILES = 3000
CHANGES = 900
WITHIN = 60.0
ODD = ("with space.txt", "naïve — ‘quoted’.txt", "tab\tand\u2028line.txt", "-starts-with-a-dash")


async def test_three_thousand_files_are_shown_and_a_change_among_them_is_found(
    owner: Client, git_repository: GitRepository
) -> None:
    for number in range(FILES):
        folder = git_repository.path / f"part{number % 30}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_text(f"{number}\n")
    for name in ODD:
        (git_repository.path / name).write_text("odd\n")
    git_repository.git("add", "--all")
    git_repository.git("commit", "--quiet", "-m", "Grow")
    house = await House.build(owner, git_repository.url)

    created = await house.finished_task("echo changed > part7/7.txt; echo new > 'with space.txt'")
    topic = f"files/{created.ids['task_id']}"
    async with owner.stream(topic) as stream:
        files = await stream.until_data(topic, lambda data: len(data["files"]) == 2)

    paths = {file["id"] for file in files["tree"]}
    assert len(paths) == FILES + len(ODD) + 2
    assert paths > set(ODD)
    assert [file["id"] for file in files["files"]] == ["part7/7.txt", "with space.txt"]


async def test_of_more_changes_than_a_commit_holds_the_first_are_shown_and_the_others_counted(
    house: House,
) -> None:
    """Long paths take more of the commit than what stands in the files."""
    folder = "/".join(["a folder with a rather long name" * 7] * 4)

    created = await house.finished_task(
        f'mkdir -p "{folder}"; for i in $(seq {CHANGES}); do echo $i >"{folder}/$i"; done'
    )
    topic = f"files/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        files = await stream.until_data(
            topic,
            lambda data: data["status"] == "fresh" and len(data["tree"]) == CHANGES + 2,
            WITHIN,
        )

    shown = [file["id"] for file in files["files"]]
    assert 100 < len(shown) < CHANGES
    assert files["omitted"] == CHANGES - len(shown)
    last = await house.owner.get(f"/v1/diffs/{created.ids['task_id']}", path=shown[-1])
    assert last.text.endswith(f"+{shown[-1].rpartition('/')[2]}\n")
