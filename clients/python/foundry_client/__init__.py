"""Views of a Foundry server, kept current: the subscription manager for Python."""

from foundry_client.effects import Status, Touched, Why
from foundry_client.foundry import Foundry
from foundry_client.happenings import Live, View
from foundry_client.problem import Problem
from foundry_client.server import Accepted
from foundry_client.subscription import Listener, Subscription, SubscriptionState

__all__ = [
    "Accepted",
    "Foundry",
    "Listener",
    "Live",
    "Problem",
    "Status",
    "Subscription",
    "SubscriptionState",
    "Touched",
    "View",
    "Why",
]
