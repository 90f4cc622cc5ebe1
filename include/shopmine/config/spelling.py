"""Which ways to write a value mean the same value."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence


def folded(text: str) -> str:
    """A text without what does not matter when synonyms are looked up: capitals, width, spaces at both ends."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def spelled_values(name: str, table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Folded spelling -> value; each value is a spelling of itself, so that looking up twice changes nothing more.

    Raises:
        ValueError: a spelling stands for two values.
    """
    found: dict[str, str] = {}
    for value, spellings in table.items():
        for spelling in (value, *spellings):
            if (other := found.setdefault(folded(spelling), value)) != value:
                raise ValueError(f"{name}: {spelling!r} stands for {other!r} and for {value!r}; keep one")
    return found
