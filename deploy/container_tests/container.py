"""One running container, as the black-box tests see it: an address and the owner's token."""

from dataclasses import dataclass

from testcontainers.core.container import DockerContainer

PORT = 7741


@dataclass(frozen=True)
class Container:
    running: DockerContainer
    token: str

    @property
    def address(self) -> str:
        """As this machine reaches it."""
        host = self.running.get_container_host_ip()
        return f"http://{host}:{self.running.get_exposed_port(PORT)}"
