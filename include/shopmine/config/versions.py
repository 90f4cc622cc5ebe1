"""Versions of the rules that prepare an entity, where they depend on the day: by exchange rates, each valid from a day on.

A rate that comes makes another version of its own day and later ones only, so that a new rate a day prepares no old day again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any


class RulesVersion(str):
    """A version over all rates; the text of one day, or of all days up to one, is told by `of_day` and `until`."""

    rates: Mapping[str, Mapping[date, Decimal]]
    base: str
    is_snapshot: bool

    @classmethod
    def of(cls, base: str, rates: Mapping[str, Mapping[date, Decimal]], *, is_snapshot: bool) -> RulesVersion:
        """The version of rules that are `base` besides the rates."""
        version = cls(_hash([base, _told(rates)]))
        version.base, version.rates, version.is_snapshot = base, rates, is_snapshot
        return version

    def of_day(self, day: date) -> str:
        """Of the rows of one day: by the rates that are valid on it."""
        valid = {name: max((at for at in known if at <= day), default=None) for name, known in self.rates.items()}
        return _hash([self.base, [[name, str(self.rates[name][at])] for name, at in sorted(valid.items()) if at]])

    def until(self, day: date) -> str:
        """Of the rows of all days up to one; a later snapshot may stand in for it, so of snapshots over all rates."""
        if self.is_snapshot:
            return str(self)
        known = {name: {at: rate for at, rate in rates.items() if at <= day} for name, rates in self.rates.items()}
        return _hash([self.base, _told(known)])


def version_of_day(version: str, day: date) -> str:
    """The version that prepares the rows of a day."""
    return version.of_day(day) if isinstance(version, RulesVersion) else version


def version_until(version: str, day: date) -> str:
    """What decides the rows of all days up to one."""
    return version.until(day) if isinstance(version, RulesVersion) else version


def _told(rates: Mapping[str, Mapping[date, Decimal]]) -> list[Any]:
    return [
        [name, [[at.isoformat(), str(known[at])] for at in sorted(known)]]
        for name, known in sorted(rates.items())
        if known
    ]


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, ensure_ascii=True).encode()).hexdigest()[:16]
