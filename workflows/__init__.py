"""What happens by itself: jobs and their stages, sandboxes, agents, git."""
