"""Decisions: given events, when an order, then events."""
