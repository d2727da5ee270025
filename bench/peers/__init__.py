"""What people would use instead, started from its own packages; nothing of it is needed by the project itself."""
