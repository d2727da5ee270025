"""The write side from its cache to its HTTP edge, on a store in memory."""
