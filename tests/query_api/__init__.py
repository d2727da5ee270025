"""Tests of what can be asked over HTTP."""
