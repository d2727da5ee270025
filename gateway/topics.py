"""What a topic is called on the wire and where it is stored."""

from functools import lru_cache

from msgspec import Struct

from events.topics import names_a_topic
from projectors.catalog import PROJECTION_OF


class Topic(Struct, frozen=True):
    """`wire` is what clients say (`app`), `stored` what projections say (`app/usr_1`)."""

    wire: str
    stored: str
    view: str

    @property
    def projection(self) -> str:
        """The projection that keeps this topic."""
        return PROJECTION_OF[self.view]

    @property
    def is_personal(self) -> bool:
        """Whether it is the caller's own, so that no organization has to be asked about."""
        return self.view == "app"


@lru_cache(maxsize=10_000)
def parse_topic(wire: str, user_id: str) -> Topic | None:
    """The topic a client means; None for text that can be no topic."""
    if wire == "app":
        return Topic(wire, f"app/{user_id}", "app")
    view, _, identity = wire.partition("/")
    if not names_a_topic(view, identity):
        return None
    return Topic(wire, wire, view)
