"""What one person may take of a node at once."""

import pytest

from runtime.problems import TooManyRequests
from runtime.shares import Shares


def test_a_person_takes_their_share_and_no_more_and_gets_back_what_they_gave() -> None:
    shares = Shares("test", each=2)
    for _ in range(3):
        shares.take("ann")
        shares.take("ann")
        with pytest.raises(TooManyRequests):
            shares.take("ann")
        shares.take("bert")

        for person in ("ann", "ann", "bert"):
            shares.give(person)
