"""Tries to break the promise: what was answered with 202 is there for ever, and whoever watches sees it once and in order."""
