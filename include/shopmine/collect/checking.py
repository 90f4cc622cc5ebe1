"""Which older days changed inside a source: what it computes of each day now, beside what it was when the day landed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from shopmine.config.days import day_bounds, training_day
from shopmine.staging.fingerprints import Fingerprint
from shopmine.staging.values import canonical_text

if TYPE_CHECKING:
    from shopmine.collect.personal import PersonalKey
    from shopmine.collect.reading import Reader
    from shopmine.config.entities import EntityConfig, SourceConfig

# Raised when the sources compute something else of the same rows, so that all is asked and read again.
FINGERPRINT_VERSION: Final = 1
_ASKED: Final = (
    "table",
    "query",
    "where",
    "collection",
    "unwind",
    "path",
    "day_from_name",
    "encoding",
    "delimiter",
    "sheet",
    "api",
    "day",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often older days are checked: with each run, never, or with runs for the training weekday.

    A week whose check was missed is made up for by its next run.
    """

    older_days: str
    weekday: str
    zone: ZoneInfo

    def is_due(self, day: date, checked: Iterable[datetime]) -> bool:
        """Whether a run for `day` checks days that were last checked then."""
        if self.older_days != "weekly":
            return self.older_days == "daily"
        newest = training_day(day, self.weekday)
        since = day_bounds(newest, self.zone)[1]
        return newest == day or any(at < since for at in checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a source told of an entity's days.

    Attributes:
        now: the fingerprints of the days that were asked for.
        changed: of the days that would not be read anyway, those whose rows are others now, or may be.
        n_checked: of how many such days that was asked.
        gap: what was not looked at, in words; empty: nothing.
    """

    now: Mapping[date, Fingerprint] = field(default_factory=dict)
    changed: frozenset[date] = frozenset()
    n_checked: int = 0
    gap: str = ""

    def unchanged(self, read: Iterable[date]) -> dict[date, Fingerprint]:
        """The fingerprints of the days that need no reading."""
        without = frozenset(read)
        return {day: found for day, found in self.now.items() if day not in without}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Asks one source about one entity.

    Attributes:
        known: the fingerprints that are remembered.
        key: the stored texts are keyed with it, so that nothing personal can be guessed from a day of one row.
        gone: mapped columns that the source has no more: what it computes of a day now says nothing of what had landed.
    """

    reader: Reader
    entity: EntityConfig
    names: tuple[str, ...]
    cadence: Cadence
    known: Mapping[date, Fingerprint]
    mapping_hash: str
    key: PersonalKey
    gone: frozenset[str] = frozenset()

    def look(self, *, day: date, read: frozenset[date], older: frozenset[date], now: datetime) -> Look:
        """Ask about the days that are read anyway and, when it is due, about older ones: in one query, or none.

        Args:
            day: the run's day.
            read: these are read anyway; their fingerprints are wanted with them.
            older: the landed days besides.
            now: the moment of the reading.
        """
        if self.cadence.older_days == "never":
            return self._by_mapping(read, older, now, gap='older days (older_days = "never")')
        if self.gone:
            what = ", ".join(sorted(self.gone))
            return self._by_mapping(read, older, now, gap=f"older days, which stay as they landed while {what} is gone")
        known = {day: found for day, found in self.known.items() if found.mapping_hash == self.mapping_hash}
        unknown = older - set(known)
        is_due = bool(unknown) or self.cadence.is_due(day, (known[day].checked_at for day in older))
        asked = read | older if is_due else read
        texts = self.reader.fingerprints(self.entity, self.names, asked) if asked else {}
        if texts is None:
            return self._by_mapping(read, older, now, gap="older days, which this server cannot check")
        found = {day: self._fingerprint(text, now) for day, text in texts.items()}
        checked = older if is_due else frozenset()
        changed = {day for day in checked if day in unknown or known[day].fingerprint != found[day].fingerprint}
        gap = "" if is_due else f"{self.entity.name}: older days until the next run for a {self.cadence.weekday}"
        return Look(now=found, changed=frozenset(changed), n_checked=len(checked), gap=gap)

    def _by_mapping(self, read: frozenset[date], older: frozenset[date], now: datetime, *, gap: str) -> Look:
        """Without asking the source: another question, or one that is not remembered, may have another answer."""
        asked = {day for day, found in self.known.items() if found.mapping_hash == self.mapping_hash}
        changed = older - asked
        found = {day: self._fingerprint("", now) for day in read | changed}
        return Look(now=found, changed=changed, gap=f"{self.entity.name}: {gap}")

    def _fingerprint(self, text: str, now: datetime) -> Fingerprint:
        return Fingerprint(fingerprint=self.key.hash_text(text), mapping_hash=self.mapping_hash, checked_at=now)


def mapping_hash(source: SourceConfig, entity: EntityConfig, names: tuple[str, ...], zone: ZoneInfo) -> str:
    """16 hex digits over everything that decides which rows a source gives for a day, and which of their columns."""
    asked = [getattr(entity, name) for name in _ASKED]
    told = [FINGERPRINT_VERSION, source.kind, source.connection, source.timezone, str(zone), [*names], asked]
    return hashlib.sha256(canonical_text(told).encode()).hexdigest()[:16]
