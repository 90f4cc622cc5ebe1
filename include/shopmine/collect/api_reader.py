"""What every web API has in common once it has answered: documents to days and lines, persons treated, only what is mapped kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from shopmine.collect.documents import change_at, paths_of, pruned, shortest_paths, tree_of, value_at
from shopmine.collect.json_text import json_text
from shopmine.collect.moments import DayOfText
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.config.days import EPOCH, NO_DAY, local_day
from shopmine.config.kinds import nearest

if TYPE_CHECKING:
    from shopmine.collect.outside import Outside
    from shopmine.config.entities import EntityConfig

Document = dict[str, Any]
_DATE: Final = "$date"
_LOOKED_AT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Documents that together say everything of these days, in any order; None as days: the whole as it is."""

    days: frozenset[date] | None
    documents: Iterable[Document]
    is_treated: bool = False


class Api(Protocol):
    """What one kind of API offers.

    Attributes:
        notes: as of `reading.Reader`.
    """

    notes: list[str]

    def parts(
        self, entity: EntityConfig, columns: Sequence[str], days: frozenset[date] | None, *, only_some: bool
    ) -> Iterator[Part]:
        """All wanted documents; wanted days that are in no part are not told. `only_some`: the first ones are enough.

        Raises:
            ConfigError: the account may not, or the login is wrong.
            QuotaError: no more for now; the parts that came are whole.
            SourceUnavailableError: no answer, or one that cannot be.
        """
        ...


def instant(seconds: int) -> Document:
    """A moment as extended JSON writes it."""
    return {_DATE: {"$numberLong": str(seconds * 1000)}}


class ApiReader:
    """An open API (see `reading.Reader`). There is no snapshot and no fingerprint: days are read again within `lookback_days`."""

    format: Format = "jsonl"

    def __init__(self, api: Api, opening: Opening) -> None:
        self._api, self._opening = api, opening
        self._day_of_text = DayOfText(zone=opening.source.zone, shop_zone=opening.zone)

    @property
    def notes(self) -> Sequence[str]:
        """What was left out or repeated."""
        return self._api.notes

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """The paths with their treatments (see `reading.Reader`)."""
        treated = [path for path in entity.personal if path not in names and entity.personal[path] != "drop"]
        return tuple((path, self._opening.key.type_of(entity, path, "json")) for path in [*names, *treated])

    def offered(self, entity: EntityConfig) -> None:
        """None: documents have no fixed columns (see `reading.Reader`)."""

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """Each told day that has documents, then those that are not told, then what has no day (see `reading.Reader`)."""
        wanted, told = request.days, set[date]()
        nowhere: list[bytes] = []
        for part in self._api.parts(request.entity, request.columns, wanted, only_some=False):
            by_day: dict[date | None, list[bytes]] = {None: []} if wanted is None else {}
            for document in part.documents:
                line, day = self._line(request, document, is_treated=part.is_treated)
                if line is not None:
                    by_day.setdefault(None if wanted is None else day, []).append(line)
            nowhere += by_day.pop(NO_DAY, [])
            told |= part.days or set()
            if wanted is None:
                yield DayLines(day=None, lines=by_day[None])
            for told_day in sorted(part.days or frozenset()):
                if told_day in by_day:
                    yield DayLines(day=told_day, lines=by_day[told_day])
        for day in sorted((wanted or frozenset()) - told):
            yield DayLines(day=day, lines=[], is_told=False)
        if request.with_no_day:
            yield DayLines(day=NO_DAY, lines=nowhere)

    def fingerprints(
        self,
        entity: EntityConfig,  # noqa: ARG002  no API computes one
        names: tuple[str, ...],  # noqa: ARG002
        days: frozenset[date],  # noqa: ARG002
    ) -> Mapping[date, str] | None:
        """None: no API tells whether an older day changed."""
        return None

    def outside(
        self,
        entity: EntityConfig,  # noqa: ARG002  no API counts by day
        names: tuple[str, ...],  # noqa: ARG002
        first: date,  # noqa: ARG002
        last: date,  # noqa: ARG002
    ) -> Outside | None:
        """None: an API is only asked for the wanted days."""
        return None

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """Some documents, treated, and mapped paths that none of them has (see `reading.Reader`)."""
        found: list[Document] = []
        for part in self._api.parts(entity, columns, None, only_some=True):
            found += [document for _, document in zip(range(_LOOKED_AT), part.documents, strict=False)]
            if len(found) >= limit:
                break
        known = {path for document in found for path in paths_of(document)}
        place = f"sources.{self._opening.source.name}.entities.{entity.name}"
        hints = [
            f"{place}: {c!r} is in none of {len(found)}{nearest(c, known)}" for c in columns if found and c not in known
        ]
        for document in found[:limit]:
            self._treat(entity, document)
        return Sample(
            columns=self.columns(entity, tuple(columns))[: len(columns)],
            rows=[[_text_at(document, column) for column in columns] for document in found[:limit]],
            hints=(*hints, *self._api.notes),
        )

    def _line(self, request: ReadRequest, document: Document, *, is_treated: bool) -> tuple[bytes | None, date]:
        """The document as it lands, None where it is a forgotten person's, and its day."""
        entity = request.entity
        day = NO_DAY if request.days is None else self._day(value_at(document, str(entity.day)))
        if not is_treated:
            self._treat(entity, document)
        for path in request.forgotten.columns():
            if request.forgotten.holds(path, _text_at(document, path)):
                return None, day
        kept = pruned(document, tree_of(shortest_paths(request.columns)))
        return json_text(kept, is_compact=True).encode("utf-8", "backslashreplace"), day

    def _treat(self, entity: EntityConfig, document: Document) -> None:
        for path, how in entity.personal.items():
            change_at(document, path.split("."), None if how == "drop" else self._opening.key.treatment(entity, path))

    def _day(self, value: Any) -> date:
        if isinstance(value, dict) and _DATE in value:
            try:
                moment: datetime = EPOCH + timedelta(milliseconds=int(value[_DATE]["$numberLong"]))
                return local_day(moment, self._opening.zone)
            except (KeyError, TypeError, ValueError, OverflowError):
                return NO_DAY
        day = self._day_of_text(value) if isinstance(value, str) else None
        return NO_DAY if day is None else day


def convert_times(document: Document, names: Iterable[str], convert: Callable[[str], int | None]) -> None:
    """Turn the values of these names into moments, in place, where they are such; others stay as they are."""
    for name in names:
        value = document.get(name)
        seconds = convert(str(value)) if isinstance(value, str) else None
        if seconds is not None:
            document[name] = instant(seconds)


def _text_at(document: Document, path: str) -> str | None:
    value = value_at(document, path)
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return json_text(value)
