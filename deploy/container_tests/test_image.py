"""What is said of the image itself: who it runs as, what is in it, how it ends."""

from deploy.container_tests.conftest import container
from deploy.container_tests.container import Container
from tests.system.client import Client

STOP_SECONDS = 20


def test_a_container_runs_as_foundry_and_keeps_its_data_for_itself(image: str) -> None:
    with container(image).with_kwargs(init=True) as running:
        who = running.exec(["id", "-un"]).output
        mode = running.exec(["stat", "-c", "%U %a", "/data"]).output

    assert who.strip() == b"foundry"
    assert mode.strip() == b"foundry 700"


async def test_a_stopped_container_says_goodbye_to_its_streams(image: str) -> None:
    with container(image) as running:
        system = Container(running, "fdy_owner_of-the-container")
        async with Client(system.address, system.token) as client, client.stream("app") as stream:
            await stream.until_ready()

            running.get_wrapped_container().kill("SIGTERM")
            bye = await stream.until_named("bye")
            ended = running.get_wrapped_container().wait(timeout=STOP_SECONDS)

    assert bye.data["retry"]
    assert ended["StatusCode"] == 0


def test_the_image_has_no_history_and_no_secrets(image: str) -> None:
    with container(image) as running:
        found = running.exec(["sh", "-c", "ls -A /foundry"]).output.decode().split()

    assert "compose.yaml" in found
    assert not {".git", ".env", ".venv", "data"} & set(found)
