"""The composition root and the command line: everything is put together here."""

__version__ = "0.1.0"
