"""What may be ordered: one decider per aggregate, and the HTTP route that takes the orders."""
