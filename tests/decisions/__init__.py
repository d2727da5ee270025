"""Decisions: given events, when a command, then events."""
