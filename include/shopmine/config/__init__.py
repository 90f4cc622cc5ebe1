"""A shop's file as typed, checked settings, the canonical entities, and the only clock."""
