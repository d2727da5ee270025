"""Who may what, in memory: the write side's answers to the gateway's questions."""

from runtime.identity import Caller


class Guests:
    """`ann` owns org_1 and everything in it; `bob` is in org_2. Tokens are the names."""

    def __init__(self) -> None:
        self.callers = {
            name: Caller(user_id=f"usr_{name}", name=name, credential_id=f"tok_{name}")
            for name in ("ann", "bob")
        }
        self.members = {("usr_ann", "org_1"), ("usr_bob", "org_2")}
        self.organizations = {
            "workspace/org_1": "org_1",
            "workspace/org_2": "org_2",
            "task/task_1": "org_1",
            "task/task_2": "org_1",
            "task/task_new": "org_1",
            "transcript/ses_1": "org_1",
        }
        self.revoked: set[str] = set()

    async def identify(self, secret: str) -> Caller | None:
        caller = self.callers.get(secret)
        return caller if caller and await self.still_valid(caller) else None

    async def still_valid(self, caller: Caller) -> bool:
        return caller.credential_id not in self.revoked

    async def organization_of(self, topic: str) -> str | None:
        return self.organizations.get(topic)

    async def is_member(self, caller: Caller, organization_id: str) -> bool:
        return (caller.user_id, organization_id) in self.members
