"""A repository of thousands of files, some with names that are hard to carry, through the whole system."""

from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.people import House

FILES = 3000
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
