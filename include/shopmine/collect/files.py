"""Files of a folder: CSV, TSV and Parquet, the text exactly as it stands; files of the same content count once.

A row with more or fewer fields than the header cannot be trusted in any column: it lands with nothing but the column `UNREADABLE`,
which tells where it stands; facts of that kind, and rows whose day cannot be told, are read apart, as NO_DAY.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopmine.collect.copy_text import copy_lines
from shopmine.collect.moments import DayOfText
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.collect.tabular import TableFile, open_table
from shopmine.config.days import NO_DAY
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig

UNREADABLE: Final = "unreadable"
_Value = str | None


@contextmanager
def open_reader(opening: Opening) -> Iterator[FilesReader]:
    """Look whether the folder is there (see `reading.open_reader`)."""
    folder = opening.connection.folder
    if not folder.is_dir():
        raise SourceUnavailableError(
            f"connection {opening.connection}: there is no such folder; is it mounted? try again"
        )
    yield FilesReader(opening)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file, the day that its name tells (if `day_from_name` is set), its size and time of change, and its SHA-256."""

    path: Path
    name: str
    day: date | None
    state: tuple[int, int]
    content: bytes


class FilesReader:
    """An open folder (see `reading.Reader`). A file that changes while it is read is an error, not half a day."""

    format: Format = "copy"
    notes: Sequence[str] = ()

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._found: dict[str, list[_Found]] = {}

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """Name and type of each value of a line, by the newest file (see `reading.Reader`)."""
        files = self._files(entity)
        if not files:
            raise SourceUnavailableError(
                f"{self._place(entity)}.path: no file in {self._opening.connection.folder} matches {entity.path!r}; "
                "put one there, or mend `path`"
            )
        with open_table(files[-1].path, files[-1].name, entity) as table:
            return self._columns(entity, self._types(entity, table, names))

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """The wanted days in ascending order, then the rows without a day (see `reading.Reader`)."""
        entity, wanted = request.entity, request.days
        day_of = DayOfText(zone=self._opening.source.zone, shop_zone=self._opening.zone)
        lines: dict[date | None, list[bytes]] = {None: []} if wanted is None else {}
        for found in self._files(entity):
            if wanted is not None and found.day not in (None, NO_DAY) and found.day not in wanted:
                continue
            rows: dict[date | None, list[list[_Value]]] = {}
            with open_table(found.path, found.name, entity) as table:
                self._types(entity, table, request.columns)
                for day, row in self._rows(request, table, found, day_of):
                    if wanted is None or day in wanted or (day == NO_DAY and request.with_no_day):
                        rows.setdefault(day, []).append(row)
            self._check_unchanged(found)
            for day, its_rows in rows.items():
                lines.setdefault(day, []).extend(copy_lines([[_bytes(v) for v in row] for row in its_rows]))
        if request.with_no_day:
            lines.setdefault(NO_DAY, [])
        for day in sorted(lines, key=lambda d: (d == NO_DAY, d or NO_DAY)):
            yield DayLines(day=day, lines=lines[day])

    def fingerprints(
        self,
        entity: EntityConfig,
        names: tuple[str, ...],  # noqa: ARG002  a file is looked at as a whole
        days: frozenset[date],
    ) -> Mapping[date, str]:
        """Over the contents of all files that may hold the day, whatever their names (see `reading.Reader`)."""
        files = self._files(entity)
        told = {}
        for day in days:
            contents = sorted(found.content for found in files if found.day in (None, day))
            told[day] = hashlib.sha256(b"".join(contents)).hexdigest()
        return told

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """The first rows of the newest file, and how many files there are (see `reading.Reader`)."""
        files = self._files(entity)
        if not files:
            folder = self._opening.connection.folder
            hint = f"{self._place(entity)}.path: no file in {folder} matches {entity.path!r}"
            return Sample(columns=tuple((name, "text") for name in columns), rows=[], n_rows=0, problems=(hint,))
        problems = [
            f"{self._place(entity)}.day_from_name: {entity.day_from_name!r} finds no day in {found.name!r}"
            for found in files
            if found.day == NO_DAY
        ]
        request = ReadRequest(entity=entity, columns=tuple(columns), days=None)
        with open_table(files[-1].path, files[-1].name, entity) as table:
            unknown = [c for c in entity.personal if c not in dict(table.columns)]
            types = self._types(entity, table, columns)
            rows = [row for _, (_, row) in zip(range(limit), self._rows(request, table, files[-1], None), strict=False)]
            problems += [f"{self._place(entity)}.personal.{c}: {files[-1].name} has no such column" for c in unknown]
        return Sample(
            columns=self._columns(entity, types)[:-1],
            rows=[row[:-1] for row in rows],
            problems=tuple(problems),
            hints=(f"{len(files)} files match {entity.path!r}; the rows shown are from {files[-1].name}",),
        )

    def _rows(
        self, request: ReadRequest, table: TableFile, found: _Found, day_of: DayOfText | None
    ) -> Iterator[tuple[date | None, list[_Value]]]:
        """Rows as they land with their day; None as day for a snapshot."""
        entity, places = request.entity, [table.place(name) for name in request.columns]
        at = table.place(entity.day) if entity.day is not None and request.days is not None else None
        treats = [self._opening.key.treatment(entity, name) for name in request.columns]
        persons = [(request.columns.index(c), c) for c in request.forgotten.columns()]
        for row in table.rows():
            if isinstance(row, str):
                yield None if request.days is None else NO_DAY, [*([None] * len(places)), row]
                continue
            values = [row[place] for place in places]
            landed = [v if v is None or treat is None else treat(v) for v, treat in zip(values, treats, strict=True)]
            if persons and any(request.forgotten.holds(c, landed[i]) for i, c in persons):
                continue
            day = found.day if at is None else self._day_of_row(row[at], day_of)
            yield None if request.days is None else day, [*landed, None]

    def _day_of_row(self, text: _Value, day_of: DayOfText | None) -> date:
        day = None if text is None or day_of is None else day_of(text)
        return NO_DAY if day is None else day

    def _types(self, entity: EntityConfig, table: TableFile, names: Sequence[str]) -> list[Column]:
        known = dict(table.columns)
        if missing := [name for name in names if name not in known]:
            raise ConfigError(
                "\n".join(
                    f"{self._place(entity)}: {table.name} has no column {n!r}{nearest(n, known)}" for n in missing
                )
            )
        return [(name, known[name]) for name in names]

    def _columns(self, entity: EntityConfig, types: Sequence[Column]) -> tuple[Column, ...]:
        treated = [(name, self._opening.key.type_of(entity, name, kind)) for name, kind in types]
        return (*treated, (UNREADABLE, "text"))

    def _files(self, entity: EntityConfig) -> list[_Found]:
        """The files that match, sorted by name, each content once; looked for once, so that all is about the same files."""
        if entity.name not in self._found:
            self._found[entity.name] = self._find_files(entity)
        return self._found[entity.name]

    def _find_files(self, entity: EntityConfig) -> list[_Found]:
        folder = self._opening.connection.folder
        seen: set[tuple[bytes, date | None]] = set()
        files = []
        for path in sorted(p for p in folder.glob(str(entity.path)) if p.is_file()):
            name = path.relative_to(folder).as_posix()
            day = self._day_of_name(entity, name)
            state = _state(path)
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            if (content, day) not in seen:
                seen.add((content, day))
                files.append(_Found(path=path, name=name, day=day, state=state, content=content))
        return files

    def _check_unchanged(self, found: _Found) -> None:
        if _state(found.path) != found.state:
            raise SourceUnavailableError(
                f"{found.name} was changed while it was read; put files there whole (write, then rename); try again"
            )

    def _day_of_name(self, entity: EntityConfig, name: str) -> date | None:
        if entity.day_from_name is None:
            return None
        match = re.search(entity.day_from_name, name)
        try:
            return date.fromisoformat(match[1]) if match else NO_DAY
        except ValueError:
            return NO_DAY

    def _place(self, entity: EntityConfig) -> str:
        return f"sources.{self._opening.source.name}.entities.{entity.name}"


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _bytes(value: _Value) -> bytes | None:
    return None if value is None else value.encode()
