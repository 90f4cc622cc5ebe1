"""The REST API over published tables."""
