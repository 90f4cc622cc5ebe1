"""Shopmine mines an online shop's data every day: correct as of any day, explainable, undoable."""

__version__ = "0.1.0"
