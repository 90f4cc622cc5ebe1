"""Files of a folder or store: CSV, TSV, JSON Lines, Parquet and Excel, zipped or not; files of the same content count once.

A row with more or fewer fields than the header cannot be trusted in any column: it lands with nothing but the column `UNREADABLE`,
which tells where it stands. Where a column tells the day, such facts, like rows whose day cannot be told, are read apart, as
NO_DAY; where the file's name does, they belong to its day.

A file that was changed a moment ago may be half written. Of a text the lines that are finished are taken. Any other kind is taken
when it can be read: until then its day is not told where the file's name tells one, and else nothing is read at all.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from shopmine.collect.lines_by_day import LinesByDay
from shopmine.collect.moments import DayOfText
from shopmine.collect.outside import Outside
from shopmine.collect.packed import BROKEN, ZIP, Member, members_of
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.collect.storage import Storage
from shopmine.collect.table_file import TableFile, UnreadableError, rows_of
from shopmine.collect.tabular import Examined, examine, open_table
from shopmine.collect.text_tables import JSON_TYPE
from shopmine.config.days import NO_DAY, utc_now
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig

UNREADABLE: Final = "unreadable"
SETTLE_SECONDS: Final = 120
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
_MOST_NAMED: Final = 5
_Value = str | None


@contextmanager
def open_reader(opening: Opening) -> Iterator[FilesReader]:
    """Look whether the folder is there (see `reading.open_reader`)."""
    settle = opening.connection.extra.get("settle_seconds", str(SETTLE_SECONDS))
    if not settle.isdecimal():
        raise ConfigError(f"connection {opening.connection}: settle_seconds={settle!r} is no number of seconds")
    yield FilesReader(opening, Storage(opening.connection), utc_now() - timedelta(seconds=int(settle)))


@dataclass(slots=True, kw_only=True)
class _Found:
    """A table file, and the day that its name tells, if `day_from_name` is set.

    Attributes:
        is_settled: it was not changed a moment ago.
        problem: why it cannot be read yet.
    """

    member: Member
    day: date | None
    is_settled: bool
    examined: Examined | None = None
    problem: str = ""


@dataclass(slots=True)
class _Notes:
    """What is said of an entity's files."""

    forms: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, None] = field(default_factory=dict)

    def told(self, entity: str) -> Iterator[str]:
        for form, n_files in sorted(self.forms.items()):
            yield f"{entity}: {n_files} {'file' if n_files == 1 else 'files'} read as {form}"
        told = [*self.left_out][:_MOST_NAMED]
        yield from (f"{entity}: {what}" for what in told)
        if more := len(self.left_out) - len(told):
            yield f"{entity}: and {more} more of that kind"


class FilesReader:
    """An open folder (see `reading.Reader`). A file that changes while it is read is an error, not half a day."""

    format: Format = "copy"

    def __init__(self, opening: Opening, storage: Storage, settled_before: datetime) -> None:
        self._opening, self._storage, self._settled_before = opening, storage, settled_before
        self._found: dict[str, list[_Found]] = {}
        self._notes: dict[str, _Notes] = {}
        self._seen: dict[str, Counter[date | None]] = {}

    @property
    def notes(self) -> Sequence[str]:
        """How the files were written, and what of them was not taken."""
        return [note for entity, notes in self._notes.items() for note in notes.told(entity)]

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """Name and type of each value of a line, by the newest file that can be read (see `reading.Reader`)."""
        files = self._files(entity)
        if not files:
            raise SourceUnavailableError(
                f"{self._place(entity)}.path: no file in {self._storage} matches {entity.path!r}; "
                "put one there, or mend `path`"
            )
        with self._open(entity, self._newest(entity, files)) as table:
            return self._columns(entity, self._types(entity, table, names))

    def offered(self, entity: EntityConfig) -> Sequence[str] | None:
        """The columns of the newest file that can be read; of JSON Lines none are fixed (see `reading.Reader`)."""
        files = self._files(entity)
        if not files:
            return None
        with self._open(entity, self._newest(entity, files)) as table:
            return None if table.has_any_path else [name for name, _ in table.columns]

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """The wanted days in ascending order, then the rows without a day (see `reading.Reader`)."""
        self._seen[request.entity.name] = Counter()
        nowhere: list[bytes] = []
        for files in self._groups(request):
            lines, untold = self._read_files(request, files)
            nowhere.extend(lines.pop(NO_DAY, []))
            for day in sorted(lines.keys() | untold, key=lambda d: d or NO_DAY):
                is_told = day not in untold
                yield DayLines(day=day, lines=lines[day] if is_told else [], is_told=is_told)
        if request.with_no_day:
            yield DayLines(day=NO_DAY, lines=nowhere)

    def fingerprints(
        self,
        entity: EntityConfig,
        names: tuple[str, ...],  # noqa: ARG002  a file is looked at as a whole
        days: frozenset[date],
    ) -> Mapping[date, str]:
        """Over the contents of all files that may hold the day, whatever their names (see `reading.Reader`)."""
        contents = [
            (found.day, self._content(entity, found)) for found in self._files(entity) if found.day in {None, *days}
        ]
        of_any = {content for day, content in contents if day is None}
        told = {}
        for day in days:
            own = {content for its_day, content in contents if its_day == day}
            told[day] = hashlib.sha256(b"".join(sorted(of_any | own))).hexdigest()
        return told

    def outside(self, entity: EntityConfig, names: tuple[str, ...], first: date, last: date) -> Outside:
        """By the days that the reading before has seen, else by reading all files that may hold such (see `reading.Reader`)."""
        seen = self._seen.get(entity.name) if entity.day_from_name is None else None
        seen = self._count_days(entity, names, first, last) if seen is None else seen
        return Outside(
            n_before=sum(n for day, n in seen.items() if day is not None and NO_DAY < day < first),
            n_after=sum(n for day, n in seen.items() if day is not None and day > last),
        )

    def _count_days(
        self, entity: EntityConfig, names: tuple[str, ...], first: date, last: date
    ) -> Counter[date | None]:
        """Rows a day, each content once, without the files that are wholly of days from `first` to `last`."""
        day_of = DayOfText(zone=self._opening.source.zone, shop_zone=self._opening.zone)
        request = ReadRequest(entity=entity, columns=names, days=frozenset())
        seen: Counter[date | None] = Counter()
        maybe = [found for found in self._files(entity) if found.day is None or not first <= found.day <= last]
        for found in {(found.day, self._content(entity, found)): found for found in maybe}.values():
            try:
                with self._open(entity, found) as table:
                    seen.update(day for day, _ in self._rows(request, table, found.day, day_of))
            except UnreadableError as error:
                self._not_yet(entity, found, error)
        return seen

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """The first rows of the newest file, how files are written, and how many there are (see `reading.Reader`)."""
        files = self._files(entity)
        if not files:
            hint = f"{self._place(entity)}.path: no file in {self._storage} matches {entity.path!r}"
            return Sample(columns=tuple((name, "text") for name in columns), rows=[], n_rows=0, problems=(hint,))
        problems = [
            f"{self._place(entity)}.day_from_name: {entity.day_from_name!r} finds no day in {found.member.name!r}"
            for found in files
            if found.day == NO_DAY
        ]
        request = ReadRequest(entity=entity, columns=tuple(columns), days=None)
        with self._open(entity, self._newest(entity, files)) as table:
            unknown = [c for c in entity.personal if c not in dict(table.columns)]
            types = self._types(entity, table, columns)
            problems += self._absent(entity, table, columns)
            rows = [row for _, (_, row) in zip(range(limit), self._rows(request, table, None, None), strict=False)]
            problems += [f"{self._place(entity)}.personal.{c}: {table.name} has no such column" for c in unknown]
            form = f", {table.form}" if table.form else ""
            hint = f"{len(files)} files match {entity.path!r}; the rows shown are from {table.name}{form}"
        return Sample(
            columns=self._columns(entity, types)[:-1],
            rows=[row[:-1] for row in rows],
            problems=tuple(problems),
            hints=(hint,),
        )

    def _groups(self, request: ReadRequest) -> Iterator[list[_Found]]:
        """Files that together hold whole days: those of each wanted day where their names tell days, else all."""
        files = self._files(request.entity)
        if request.days is None or request.entity.day_from_name is None:
            yield files
            return
        for day in sorted(request.days | ({NO_DAY} if request.with_no_day else set())):
            if own := [found for found in files if found.day == day]:
                yield own

    def _read_files(
        self, request: ReadRequest, files: Sequence[_Found]
    ) -> tuple[dict[date | None, list[bytes]], set[date]]:
        """Lines by day, each content once; and the days that cannot be told yet."""
        lines: dict[date | None, list[bytes]] = {None: []} if request.days is None else {}
        seen: set[bytes] = set()
        for found in files:
            content = self._content(request.entity, found)
            if content in seen:
                note = f"{found.member.name} holds what another file holds, and counts once"
                self._note(request.entity).left_out[note] = None
                continue
            seen.add(content)
            read = self._read_file(request, found)
            if read is None:
                return {}, {found.day or NO_DAY}
            for day, its_lines in read.items():
                lines.setdefault(day, []).extend(its_lines)
        return lines, set()

    def _read_file(self, request: ReadRequest, found: _Found) -> dict[date | None, list[bytes]] | None:
        """A file's wanted lines by day; None: it cannot be read yet, and its name tells its day."""
        entity, wanted = request.entity, request.days
        day_of = DayOfText(zone=self._opening.source.zone, shop_zone=self._opening.zone)
        lines = LinesByDay()
        try:
            with self._open(entity, found) as table:
                self._types(entity, table, request.columns)
                for day, row in self._rows(request, table, found.day, day_of):
                    self._seen[entity.name][day] += 1
                    if wanted is None or day in wanted or (day == NO_DAY and request.with_no_day):
                        lines.add(day, row)
        except UnreadableError as error:
            self._not_yet(entity, found, error)
            return None
        notes = self._note(entity)
        notes.forms.update([table.form] if table.form else [])
        notes.left_out.update(dict.fromkeys(f"{what}; it is taken when it is finished" for what in table.held_back))
        return lines.by_day()

    def _not_yet(self, entity: EntityConfig, found: _Found, error: UnreadableError) -> None:
        """Note a file that may be half written; raise where it is not, or where nobody knows which days it holds."""
        name = found.member.name
        if found.is_settled:
            raise error
        if found.day in (None, NO_DAY):
            raise SourceUnavailableError(
                f"{name} was written to a moment ago and is not whole ({error}); nothing of {entity.name} is read until it "
                "is; put files there under another name and rename them; try again"
            ) from error
        self._note(entity).left_out[f"{name} is not whole yet, so {found.day} is not read: {error}"] = None

    @contextmanager
    def _open(self, entity: EntityConfig, found: _Found) -> Iterator[TableFile]:
        with open_table(found.member, self._storage, entity, self._examined(entity, found)) as table:
            yield table

    def _newest(self, entity: EntityConfig, files: Sequence[_Found]) -> _Found:
        """The newest file that can be read."""
        why: list[str] = []
        for found in reversed(files):
            try:
                with self._open(entity, found):
                    return found
            except UnreadableError as error:
                if found.is_settled:
                    raise
                why.append(str(error))
        raise SourceUnavailableError(f"{self._place(entity)}.path: no file is whole yet ({why[0]}); try again")

    def _examined(self, entity: EntityConfig, found: _Found) -> Examined:
        if found.problem:
            raise UnreadableError(found.problem)
        if found.examined is None:
            found.examined = examine(found.member, self._storage, entity, is_growing=not found.is_settled)
            if (held := found.member.stored.size - found.examined.n_bytes) > 0 and found.examined.is_growing:
                what = f"{found.member.name}: its last {held} bytes are no finished line; they are taken when they are"
                self._note(entity).left_out[what] = None
        return found.examined

    def _content(self, entity: EntityConfig, found: _Found) -> bytes:
        """The hash of a file's content; of one that cannot be read, of how it stands there."""
        try:
            return self._examined(entity, found).content
        except UnreadableError:
            return hashlib.sha256(repr((found.member.name, found.member.stored.mark)).encode()).digest()

    def _rows(
        self, request: ReadRequest, table: TableFile, file_day: date | None, day_of: DayOfText | None
    ) -> Iterator[tuple[date | None, list[_Value]]]:
        """Rows as they land with their day; None as day for a snapshot."""
        entity, names = request.entity, request.columns
        at = names.index(entity.day) if entity.day is not None and request.days is not None else None
        treats = [self._opening.key.treatment(entity, name) for name in names]
        persons = [(names.index(c), c) for c in request.forgotten.columns()]
        for values in rows_of(table, names):
            if isinstance(values, str):
                yield None if request.days is None else file_day or NO_DAY, [*([None] * len(names)), values]
                continue
            landed = [v if v is None or treat is None else treat(v) for v, treat in zip(values, treats, strict=True)]
            if persons and any(request.forgotten.holds(c, landed[i]) for i, c in persons):
                continue
            day = file_day if at is None else self._day_of_row(values[at], day_of)
            yield None if request.days is None else day, [*landed, None]

    def _day_of_row(self, text: _Value, day_of: DayOfText | None) -> date:
        day = None if text is None or day_of is None else day_of(text)
        return NO_DAY if day is None else day

    def _types(self, entity: EntityConfig, table: TableFile, names: Sequence[str]) -> list[Column]:
        known = dict(table.columns)
        if not table.has_any_path and (problems := self._absent(entity, table, names)):
            raise ConfigError("\n".join(problems))
        return [(name, known.get(name, JSON_TYPE)) for name in names]

    def _absent(self, entity: EntityConfig, table: TableFile, names: Sequence[str]) -> list[str]:
        known, may_lack = dict(table.columns), self._opening.source.removable(entity.name)
        missing = [name for name in names if name not in known and name not in may_lack]
        return [f"{self._place(entity)}: {table.name} has no column {n!r}{nearest(n, known)}" for n in missing]

    def _columns(self, entity: EntityConfig, types: Sequence[Column]) -> tuple[Column, ...]:
        treated = [(name, self._opening.key.type_of(entity, name, kind)) for name, kind in types]
        return (*treated, (UNREADABLE, "text"))

    def _files(self, entity: EntityConfig) -> list[_Found]:
        """The files that match, sorted by name; looked for once, so that all is about the same files."""
        if entity.name not in self._found:
            self._found[entity.name] = [*self._find_files(entity)]
        return self._found[entity.name]

    def _find_files(self, entity: EntityConfig) -> Iterator[_Found]:
        for stored in self._storage.find(str(entity.path)):
            is_settled = stored.changed_at <= self._settled_before
            name = PurePosixPath(stored.name).name
            if name.startswith((".", "~$")) or name.endswith(_UNFINISHED):
                self._note(entity).left_out[f"{stored.name} is named as unfinished, and is left out"] = None
                continue
            try:
                members = members_of(stored, self._storage)
            except BROKEN as error:
                day = self._day_of_name(entity, stored.name)
                problem = f"{stored.name} cannot be unpacked: {error}; put it there again"
                member = Member(name=stored.name, ending=ZIP, stored=stored, is_packed=True)
                yield _Found(member=member, day=day, is_settled=is_settled, problem=problem)
                continue
            for member in members:
                yield _Found(member=member, day=self._day_of_name(entity, member.name), is_settled=is_settled)

    def _day_of_name(self, entity: EntityConfig, name: str) -> date | None:
        if entity.day_from_name is None:
            return None
        match = re.search(entity.day_from_name, name)
        try:
            return date.fromisoformat(match[1]) if match else NO_DAY
        except ValueError:
            return NO_DAY

    def _note(self, entity: EntityConfig) -> _Notes:
        return self._notes.setdefault(entity.name, _Notes())

    def _place(self, entity: EntityConfig) -> str:
        return f"sources.{self._opening.source.name}.entities.{entity.name}"
