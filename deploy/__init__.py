"""What runs the system on machines: configuration for compose.yaml, and the tests of the container image."""
