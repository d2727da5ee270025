"""Running systems for the tests of clients: those of the black-box tests."""

import pytest

from tests.system.conftest import start_node, system

PROXIES = ("HTTP_PROXY", "ALL_PROXY")

__all__ = ["start_node", "system"]


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client asks the proxy its environment names, as it should; here everything is on this machine."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
