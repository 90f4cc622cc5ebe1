"""Persons with a right to deletion: their rows must not land again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shopmine.staging.rights import tombstone

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.config.fields import FieldConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Deleted persons, and the source columns that hold a person's key.

    Attributes:
        persons: their keys as `clean` stores them, or only the tombstones of these (`staging.rights.tombstone`).
        shop: whose persons.
        fields: source column -> how the person's key is made of it (an entity and those made from it may differ).
    """

    persons: frozenset[str] = frozenset()
    shop: str = ""
    fields: tuple[tuple[str, FieldConfig], ...] = ()

    @classmethod
    def of(cls, entities: Iterable[EntityConfig], persons: frozenset[str], shop: str = "") -> Forgotten:
        """For a read entity and the entities made from it."""
        mapped = (e.fields.get(e.canonical.person) for e in entities if e.canonical.person is not None)
        fields = tuple((f.column, f) for f in mapped if f is not None and f.column is not None)
        return cls(persons=persons, shop=shop, fields=fields)

    def columns(self) -> list[str]:
        """The source columns to look at; none when nobody is forgotten."""
        return list(dict.fromkeys(column for column, _ in self.fields)) if self.persons else []

    def holds(self, column: str, text: str | None) -> bool:
        """Whether the text of a column, as it would land, is the key of a forgotten person."""
        if text is None:
            return False
        keys = (key_of(text, how) for name, how in self.fields if name == column)
        return any(key in self.persons or tombstone(self.shop, key) in self.persons for key in keys)


def key_of(text: str, how: FieldConfig) -> str:
    """A person's key as the mapping makes it of the source's text."""
    key = text.strip() if how.trim else text
    key = {"upper": key.upper(), "lower": key.lower()}.get(how.case or "", key)
    return how.replace.get(key, key)
