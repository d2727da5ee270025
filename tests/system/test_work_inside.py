"""What an agent did in repositories of its own, after its task was archived."""

from tests.system.people import PROVISIONED_WITHIN, House


async def test_an_archive_keeps_the_work_in_a_repository_inside(house: House) -> None:
    one = await house.finished_task(
        "git init --quiet in; cd in; echo committed >one; git add .; git commit --quiet -m one; echo not yet >two"
    )
    topic = f"task/{one.ids['task_id']}"

    archive = await house.owner.command("task.archive", task_id=one.ids["task_id"])
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic, lambda task: task["status"] == "archived", PROVISIONED_WITHIN
        )
    job = await house.owner.data(f"job/{archive.ids['job_id']}")
    inside = job["results"]["work_committed"]["inside"]
    two = await house.finished_task(
        f"git show {inside}:in.bundle >in.bundle; rm -r in; git clone --quiet in.bundle in; cat in/one in/two",
        on_branch=task["branch"],
    )

    transcript = await house.owner.data(f"transcript/{two.ids['session_id']}")
    assert "committed\nnot yet\n" in "".join(
        entry.get("text") or "" for entry in transcript["entries"]
    )
