"""What can be asked: one read of a projection's own rows, nothing computed."""
