"""Streams are sockets: no more are promised than there can be."""

import resource

from runtime.open_files import SPARE, raise_limit, streams_within


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    files = raise_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard
    assert files == hard or hard == resource.RLIM_INFINITY


def test_streams_leave_room_for_everything_else() -> None:
    assert streams_within(100, 10_000) == 100
    assert streams_within(20_000, 10_000) == 10_000 - SPARE
    assert streams_within(10, 100) == 1
