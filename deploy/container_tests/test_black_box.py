"""The tests of tests/system that need nothing but an address and a repository, at the address of a container."""

# Everything in these modules is meant: a test that is added there is run here too.
from tests.system.test_provisioning import *  # noqa: F403
from tests.system.test_rights import *  # noqa: F403
from tests.system.test_sessions import *  # noqa: F403
from tests.system.test_views import *  # noqa: F403
