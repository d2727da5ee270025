"""The Python client and the chaos proxy."""
