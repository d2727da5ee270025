"""Views of a Foundry server, kept current: the subscription manager for Python."""
