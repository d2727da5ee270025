"""What happened: the facts, how they are written down, and the store that keeps them."""
