"""Whether a caller may (still) see what a stream carries. Decided by the write side, asked here (docs/protocol.md, "Who is asking")."""

from gateway.topics import Topic
from runtime.identity import Access, Caller


class Permission:
    """One round of questions: within it the same question is asked once, however many streams need the answer."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._organizations: dict[str, str | None] = {}
        self._members: dict[tuple[str, str], bool] = {}
        self._valid: dict[str, bool] = {}

    async def is_valid(self, caller: Caller) -> bool:
        """Whether the credential still holds."""
        if caller.credential_id not in self._valid:
            self._valid[caller.credential_id] = await self._access.still_valid(caller)
        return self._valid[caller.credential_id]

    async def sees(self, caller: Caller, topic: Topic) -> bool:
        """Whether the topic is the caller's own, or of an organization the caller is in."""
        if topic.is_personal:
            return topic.stored == f"app/{caller.user_id}"
        if topic.stored not in self._organizations:
            organization = await self._access.organization_of(topic.stored)
            self._organizations[topic.stored] = organization
        organization = self._organizations[topic.stored]
        if organization is None:
            return False
        key = (caller.user_id, organization)
        if key not in self._members:
            self._members[key] = await self._access.is_member(caller, organization)
        return self._members[key]
