"""Reading a web source in a test: whatever it gives, tells, and leaves out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from shopmine.collect.reading import Opening, ReadRequest, open_reader
from shopmine.config.days import NO_DAY, days_between
from shopmine.errors import QuotaError

MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))


@dataclass(frozen=True)
class Found:
    """Documents by day, days that are not told, notes, and how a quota ended the reading."""

    by_day: dict[date | None, list[dict[str, Any]]]
    untold: set[date | None]
    notes: list[str]
    quota: str = ""

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [document for day in self.by_day.values() for document in day]

    @property
    def counts(self) -> dict[date | None, int]:
        return {day: len(found) for day, found in self.by_day.items() if found}


def read(opened: Opening, days: frozenset[date] | None = MARCH, **more: Any) -> Found:
    (entity,) = opened.source.read_entities()
    request = ReadRequest(
        entity=entity,
        columns=tuple(opened.source.columns(entity.name)),
        days=days,
        with_no_day=days is not None,
        **more,
    )
    by_day: dict[date | None, list[dict[str, Any]]] = {}
    untold: set[date | None] = set()
    quota = ""
    with open_reader(opened) as reader:
        try:
            for told in reader.read(request):
                assert told.day not in by_day, "each day comes once"
                if told.is_told:
                    by_day[told.day] = [json.loads(line) for line in sorted(told.lines)]
                else:
                    untold.add(told.day)
        except QuotaError as error:
            quota = str(error)
        assert reader.fingerprints(entity, request.columns, MARCH) is None
        assert reader.outside(entity, request.columns, min(MARCH), max(MARCH)) is None
        return Found(by_day=by_day, untold=untold, notes=list(reader.notes), quota=quota)


def day(number: int) -> date:
    return date(2026, 3, number)


__all__ = ["MARCH", "NO_DAY", "Found", "day", "read"]
