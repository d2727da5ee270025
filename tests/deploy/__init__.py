"""What stands in compose.yaml and deploy/, held against the code and started as plain processes."""
