"""What a reader sees of the scratch shop at one moment: of the staging database, and of each store written back to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.drill.scratch import SHOP, Scratch
from shopmine.staging.tables_published import PUBLISHED

if TYPE_CHECKING:
    from shopmine.staging.database import Database

PREFIX: Final = "shopmine_"
WRITTEN: Final = ("customers", "recommendations", "reasons")
"""What a sink writes that is to write the first two: the rows name their reasons."""
# What the checks of a release say depends on the run; everything else is the result.
_SEEN: Final = tuple(name for name, entry in PUBLISHED.items() if entry.is_result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look.

    Attributes:
        day: of the release that says it is shown, as text; None: there is none.
        mixed: what does not belong to that release.
        content: of each table, as text that is equal for equal rows.
    """

    day: str | None
    content: Mapping[str, str]
    mixed: tuple[str, ...] = field(default=())


def see_published(db: Database) -> Sight:
    """The views of `published` in one snapshot: several statements, one moment."""
    with db.snapshot() as connection:
        current = connection.execute(
            sa.text("SELECT release, day FROM published.releases WHERE shop = :shop AND is_current"), {"shop": SHOP}
        ).all()
        content, mixed = {}, []
        for name in _SEEN:
            rows = connection.execute(sa.text(_published_query(name)), {"shop": SHOP}).all()
            content[name] = " ".join(f"{row.n}:{row.total}" for row in rows)
            mixed += [
                f"{name} of release {row.release}" for row in rows if row.release not in {r.release for r in current}
            ]
    if len(current) > 1:
        mixed.append(f"{len(current)} current releases")
    return Sight(day=str(current[0].day) if current else None, content=content, mixed=tuple(mixed))


def _published_query(name: str) -> str:
    columns = ", ".join(f't."{column.name}"' for column in PUBLISHED[name].result_columns)
    total = f"sum(hashtextextended(ROW({columns})::text, 0)::numeric)"
    return f"SELECT t.release, count(*) AS n, {total} AS total FROM published.{name} t WHERE t.shop = :shop GROUP BY 1 ORDER BY 1"


def see_mysql(cursor: Any) -> Sight:
    """The tables in the shop's MariaDB in one statement: that is what must be whole."""
    parts = [_mysql_total(cursor, f"{PREFIX}{name}") for name in WRITTEN]
    told = ", ".join(f"({part}) AS {name}" for part, name in zip(parts, WRITTEN, strict=True))
    cursor.execute(f"SELECT r.day, {told} FROM {PREFIX}release r")
    rows = cursor.fetchall()
    if len(rows) != 1:
        return Sight(day=None, content={}, mixed=(f"{len(rows)} rows in {PREFIX}release",))
    return Sight(day=str(rows[0][0]), content=dict(zip(WRITTEN, map(str, rows[0][1:]), strict=True)))


def _mysql_total(cursor: Any, table: str) -> str:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s"
        " ORDER BY ordinal_position",
        (table,),
    )
    columns = ", ".join(f"COALESCE(`{name}`, '-')" for (name,) in cursor.fetchall())
    return f"SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', {columns})))) FROM {table}"


def see_mongo(database: Any) -> Sight:
    """The collections in the shop's MongoDB, the stamp read first: what it names must be there by then."""
    stamp = database[f"{PREFIX}release"].find_one({})
    content, mixed = {}, []
    for name in WRITTEN:
        if len(releases := database[PREFIX + name].distinct("release")) > 1:
            mixed.append(f"{name} of releases {sorted(releases)}")
        # The release's number may differ between experiments.
        found = database[PREFIX + name].find_raw_batches({}, {"_id": False, "release": False})
        content[name] = _digest(sorted(document for batch in found for document in _documents(batch)))
    return Sight(day=None if stamp is None else str(stamp["day"]), content=content, mixed=tuple(mixed))


def _documents(batch: bytes) -> Iterator[bytes]:
    """The documents of a batch as they are: each begins with its length. Decoding them would take most of a look."""
    at = 0
    while at < len(batch):
        end = at + int.from_bytes(batch[at : at + 4], "little")
        yield batch[at:end]
        at = end


def see_files(scratch: Scratch) -> Sight:
    """The files written back, the stamp read first: what it names must be there by then."""
    folder = scratch.sink_folder
    stamp = json.loads((folder / f"{PREFIX}release.json").read_text(encoding="utf-8"))
    content = {name: _digest((folder / f"{PREFIX}{name}.csv").read_bytes().split(b"\n")) for name in WRITTEN}
    return Sight(day=str(stamp["day"]), content=content)


def _digest(lines: list[bytes]) -> str:
    return f"{len(lines)}:{hashlib.sha256(b'|'.join(lines)).hexdigest()[:16]}"
