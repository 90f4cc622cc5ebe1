"""Turns batches into canonical rows: cleaned, conformed, every row accounted for."""
