"""Who may see what. What may not be seen and what never was get the same answer (docs/protocol.md, "Who is asking")."""

from events.ids import is_id
from events.topics import names_a_topic
from runtime.errors import NotFound
from runtime.identity import Access, Caller
from runtime.problems import Unauthenticated


def unseen() -> NotFound:
    """One text for everything that cannot be shown, so that it tells nobody what exists."""
    return NotFound(
        "There is no such thing, or you may not see it. Check the id, and who is asking."
    )


def check_topic(topic: str) -> None:
    """Raise `NotFound` unless `topic` could be one, as written on the wire; asks nobody."""
    kind, _, topic_id = topic.partition("/")
    if topic != "app" and not names_a_topic(kind, topic_id):
        raise unseen()


class Visibility:
    """Decides from write-side state; a read model is never asked."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def check_credential(self, caller: Caller) -> None:
        """Raise `Unauthenticated` unless what the caller came with still holds."""
        if not await self._access.still_valid(caller):
            raise Unauthenticated("This credential is no longer valid; sign in again.")

    async def topic(self, caller: Caller, topic: str) -> str:
        """The topic under its stored name. Raises `NotFound` unless the caller may see it."""
        check_topic(topic)
        if topic == "app":
            return f"app/{caller.user_id}"
        kind, _, topic_id = topic.partition("/")
        if kind == "workspace" and await self.is_member(caller, topic_id):
            # Of an organization's own topic nobody has to be asked where it belongs.
            return topic
        organization_id = await self._access.organization_of(topic)
        if organization_id is None or not await self.is_member(caller, organization_id):
            raise unseen()
        return topic

    async def organization(self, caller: Caller, organization_id: str) -> None:
        """Raise `NotFound` unless the caller belongs to the organization."""
        if not is_id(organization_id, "org") or not await self.is_member(caller, organization_id):
            raise unseen()

    async def is_member(self, caller: Caller, organization_id: str) -> bool:
        return await self._access.is_member(caller, organization_id)
