"""kill -9 in the middle of work: nothing is done twice, nothing is forgotten, nothing is left behind."""

from pathlib import Path

from tests.system.client import Client
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISIONED_WITHIN, House, turn_is_over


async def test_a_turn_that_was_cut_is_interrupted_and_never_run_again(
    start_node: StartNode, enter: Enter, git_repository: GitRepository, tmp_path: Path
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    outside = tmp_path / "outside"
    created = await house.create_task(f"echo run >> {outside}; echo begun; sleep 100")
    ids = {name: created.ids[name] for name in ("task_id", "session_id")}
    await house.owner.command("agent_session.send", **ids, text=f"echo next >> {outside}")
    await _begun(house.owner, ids["session_id"])

    node.kill()
    node.start()

    client = await enter(node.address, node.token)
    topic = f"task/{ids['task_id']}"
    async with client.stream(topic) as stream:
        task = await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
    entries = (await client.data(f"transcript/{ids['session_id']}"))["entries"]
    assert outside.read_text() == "run\nnext\n"
    assert [entry["kind"] for entry in entries].count("interrupted") == 1
    assert [entry["text"] for entry in entries if entry["sender"] == "user"] == [
        f"echo run >> {outside}; echo begun; sleep 100",
        f"echo next >> {outside}",
    ]
    assert task["sessions"][0]["status"] == "idle"


async def test_a_job_that_was_cut_goes_on(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    created = [await house.create_task("echo done") for _ in range(5)]

    node.kill()
    node.start()

    client = await enter(node.address, node.token)
    topics = [f"task/{one.ids['task_id']}" for one in created]
    async with client.stream(*topics) as stream:
        for topic in topics:
            task = await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
            assert task["status"] == "idle"
    for one in created:
        entries = (await client.data(f"transcript/{one.ids['session_id']}"))["entries"]
        kinds = [entry["kind"] for entry in entries]
        assert [entry["text"] for entry in entries if entry["sender"] == "agent"] == [
            "done\n"
        ] or "interrupted" in kinds


async def test_the_processes_of_a_killed_node_are_gone_after_the_restart(
    start_node: StartNode, enter: Enter, git_repository: GitRepository, tmp_path: Path
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    pid_file = tmp_path / "pid"
    created = await house.create_task(f"setsid sleep 302 & echo $! > {pid_file}; echo begun; wait")
    await _begun(house.owner, created.ids["session_id"])
    pid = int(pid_file.read_text())
    assert Path("/proc", str(pid)).exists()

    node.kill()
    node.start()

    assert not _sleeps(pid)


async def _begun(client: Client, session_id: str) -> None:
    topic = f"transcript/{session_id}"
    async with client.stream(topic) as stream:
        await stream.until_data(
            topic,
            lambda data: any(
                "begun" in (entry.get("text") or "")
                for entry in data["entries"]
                if entry["sender"] == "agent"
            ),
            PROVISIONED_WITHIN,
        )


def _sleeps(pid: int) -> bool:
    try:
        return b"sleep" in Path("/proc", str(pid), "cmdline").read_bytes()
    except FileNotFoundError:
        return False
