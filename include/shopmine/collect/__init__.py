"""Reads a shop's sources into batches: one module a kind of source."""
