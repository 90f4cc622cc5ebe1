"""What every kind of source offers: the one contract between `tasks` and the modules that read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol, cast
from zoneinfo import ZoneInfo

from shopmine.collect.forgotten import Forgotten

if TYPE_CHECKING:
    from shopmine.collect.outside import Outside
    from shopmine.collect.personal import PersonalKey
    from shopmine.config.connections import Connection
    from shopmine.config.entities import EntityConfig, SourceConfig
    from shopmine.staging.lines import Lines

Column = tuple[str, str]
"""Name of a source column (or path) and its type in the source's own words; `hash VERSION` or ` mask VERSION` where it was treated."""

Format = Literal["copy", "jsonl"]
"""PostgreSQL COPY text, values in the order of the columns; or canonical extended JSON, a document a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What to read of one entity.

    Attributes:
        columns: source columns (or paths), in the order of the lines' values.
        days: the shop's days wanted, in any number; None: the whole entity as it is.
        with_no_day: also the rows whose day cannot be told, as day `days.NO_DAY`.
        forgotten: persons whose rows must not land.
    """

    entity: EntityConfig
    columns: tuple[str, ...]
    days: frozenset[date] | None
    with_no_day: bool = False
    forgotten: Forgotten = field(default_factory=Forgotten)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLines:
    """Everything that the source says about one entity and day (None: the snapshot), in any order, without newlines.

    Attributes:
        is_told: False where the source cannot tell this day (no more, or not yet): nothing lands, what had landed stays.
    """

    day: date | None
    lines: list[bytes] | Lines
    is_told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A look at an entity for `check`.

    Attributes:
        rows: a few rows, values as text in the order of `columns`; personal values are already treated.
        n_rows: rows of the whole entity, estimated where counting costs a scan; None: not known.
        problems: what would make a run fail or lose something. `hints`: what is worth a look.
    """

    columns: tuple[Column, ...]
    rows: list[list[str | None]]
    n_rows: int | None = None
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


class Reader(Protocol):
    """An open source: one connection, one consistent snapshot for everything that is read through it.

    Attributes:
        format: of all its lines.
        notes: what the run's report is to say of the reading so far: forms that were found out, what was left out and why.
    """

    format: Format
    notes: Sequence[str]

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """The columns of each line for these source columns, as they land.

        Raises:
            ConfigError: the source has no such table, column or file; the message names the nearest.
        """
        ...

    def offered(self, entity: EntityConfig) -> Sequence[str] | None:
        """All columns that the source has of an entity, mapped or not; None: it has no fixed ones.

        Raises:
            ConfigError: there is no such table or file.
        """
        ...

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """Each wanted day that has rows, once; a day without rows does not come.

        Raises:
            ConfigError: as `columns`.
            SourceUnavailableError: the source stopped answering, or gave fewer rows than it counts.
            QuotaError: it gives no more for now; the days that came are whole.
        """
        ...

    def fingerprints(
        self, entity: EntityConfig, names: tuple[str, ...], days: frozenset[date]
    ) -> Mapping[date, str] | None:
        """Of each of these days a short text that is another one when its rows are others; computed inside the source.

        Of the same snapshot as what `read` gives, in at most one query. Rows without a day are no part of it. None: this
        server cannot tell.

        Raises:
            ConfigError: as `columns`.
            SourceUnavailableError: the source stopped answering.
        """
        ...

    def outside(self, entity: EntityConfig, names: tuple[str, ...], first: date, last: date) -> Outside | None:
        """How many rows have a day before `first` or after `last`, of the same snapshot; those without a day are none of them.

        None: this source cannot tell.

        Raises:
            ConfigError: as `columns`.
            SourceUnavailableError: the source stopped answering.
        """
        ...

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """At most `limit` rows, and what is wrong."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a module needs to open a source: `zone` is the shop's."""

    source: SourceConfig
    connection: Connection
    zone: ZoneInfo
    key: PersonalKey


class _SourceModule(Protocol):
    def open_reader(self, opening: Opening) -> AbstractContextManager[Reader]: ...


def open_reader(opening: Opening) -> AbstractContextManager[Reader]:
    """Open a source by the module that is named like its kind; drivers are imported only now.

    Raises:
        ConfigError: wrong login, no such database or folder.
        SourceUnavailableError: the server does not answer.
    """
    module = importlib.import_module(f"shopmine.collect.{opening.source.kind}")
    return cast("_SourceModule", module).open_reader(opening)
