"""Benchmarks: whole systems under load, measured from outside."""
