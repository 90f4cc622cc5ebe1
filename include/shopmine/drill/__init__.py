"""The fault kit: a shop's day run on a scratch copy while something breaks, and what must hold all the same."""
