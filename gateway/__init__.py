"""What is streamed: every change of every topic somebody watches, once and in order."""
