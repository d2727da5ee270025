"""Running systems for the tests of clients: those of the black-box tests."""

from tests.system.conftest import start_node, system

__all__ = ["start_node", "system"]
