"""The image built from this checkout, and one container of it for all tests; the other fixtures are those of tests/system."""

import os
from collections.abc import Iterator

import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.image import DockerImage
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from deploy.container_tests.container import PORT, Container
from tests.deploy.compose_file import ROOT
from tests.system.conftest import QUICK, enter, git_repository, house, owner, stranger

__all__ = ["container", "enter", "git_repository", "house", "image", "owner", "stranger", "system"]

TOKEN = "fdy_owner_of-the-container"


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The name of the image, removed in the end."""
    try:
        DockerClient().client.ping()
    except DockerException as error:
        pytest.exit(
            f"These tests need a Docker engine, and none answers here ({error}). "
            "Start one or set DOCKER_HOST; `make test` needs none.",
            returncode=1,
        )
    with DockerImage(path=ROOT, tag="foundry:container-tests") as built:
        yield str(built)


@pytest.fixture(scope="session")
def system(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Everything in one container, for tests that leave it running."""
    remotes = str(tmp_path_factory.getbasetemp())
    configured = container(image).with_env("FOUNDRY_LOCAL_REPOSITORIES", remotes)
    with configured.with_volume_mapping(remotes, remotes, "ro") as running:
        yield Container(running, TOKEN)


def container(image: str) -> DockerContainer:
    """A container of the image that is healthy once it is entered.

    It runs as the user of these tests: git reads repositories of its own user only.
    """
    made = (
        DockerContainer(image)
        .with_envs(FOUNDRY_TOKEN=TOKEN, FOUNDRY_DATA="/tmp/foundry", **QUICK)
        .with_exposed_ports(PORT)
        .with_kwargs(init=True, user=f"{os.getuid()}:{os.getgid()}")
    )
    return made.waiting_for(HealthcheckWaitStrategy().with_startup_timeout(90))
