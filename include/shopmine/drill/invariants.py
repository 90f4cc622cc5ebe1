"""What must hold of the tables when a day has been run to its end, whatever happened on the way (I2 to I8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shopmine.config.canonical import ENTITIES
from shopmine.config.shops import load_shop
from shopmine.drill.observing import PREFIX, WRITTEN
from shopmine.drill.readers import see_all
from shopmine.drill.scratch import SHOP, Scratch, mongo, mysql
from shopmine.publish.sinks.tables import is_beside
from shopmine.staging.artifacts import read_artifact
from shopmine.staging.tables_published import PUBLISHED

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

_GRACE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
Print = Mapping[str, str]
"""What is compared byte by byte: part -> its content, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persons:
    """Who has asked for what before the day is run."""

    deleted: str
    opted_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A staging database in which the day was run to its end, and what it is compared with."""

    scratch: Scratch
    db: Database
    persons: Persons
    without_fault: Print


def check(ended: Ended) -> list[str]:
    """One line a violation of I2 to I8; none: all hold."""
    ask = _asking(ended.db)
    found = [*_one_of_each(ask), *_accounted(ask, ended), *_nothing_later(ask, ended), *_money(ask, ended)]
    found += [*_persons(ask, ended), *_nothing_left(ask, ended.scratch)]
    return [*found, *_same_bytes(ended)]


Ask = Callable[..., list[Any]]


def _asking(db: Database) -> Ask:
    def ask(query: str, **values: object) -> list[Any]:
        with db.transaction() as connection:
            return list(connection.execute(sa.text(query), values))

    return ask


def fingerprint(scratch: Scratch, db: Database) -> dict[str, str]:
    """Everything that a day makes and that must be the same bytes, without numbers and times of runs (I3)."""
    found: dict[str, str] = {}
    ask = _asking(db)
    for part, query in _PARTS.items():
        found[part] = str([tuple(map(str, row)) for row in ask(query)])
    for name, entity in ENTITIES.items():
        columns = ", ".join(f't."{column}"' for column in ("day", *entity.by_name, "attributes"))
        query = f"SELECT count(*), sum(hashtextextended(ROW({columns})::text, 0)::numeric) FROM clean.{name} t"
        found[f"clean.{name}"] = str(ask(query))
    for name, sight in see_all(scratch, db).items():
        found[name] = f"{sight.day} {dict(sight.content)}"
    return found


_PARTS: Final = {
    "batches": "SELECT source, entity, day, content_hash, n_rows FROM raw.batches ORDER BY 1, 2, 3, 4",
    "accounts": "SELECT source, entity, day, read, expanded, kept, quarantined, duplicates, rules"
    " FROM clean.accounting WHERE is_current ORDER BY 1, 2, 3",
    "quarantine": "SELECT source, entity, day, row_key, reason, original FROM clean.quarantine ORDER BY 1, 2, 3, 4, 5, 6",
    "artifacts": "SELECT name, day, key, content_hash FROM work.artifacts ORDER BY 1, 2, 3",
    "releases": "SELECT day, key, content_hash, state, n_rows FROM work.releases ORDER BY 1, 2",
    "rights": "SELECT customer, kind FROM work.rights ORDER BY 1, 2",
}


def _same_bytes(ended: Ended) -> list[str]:
    now = fingerprint(ended.scratch, ended.db)
    return [f"I3: {part} is not what it is without a fault" for part in now if now[part] != ended.without_fault[part]]


_TWICE: Final = {
    "a batch landed twice": "SELECT source, entity, day FROM raw.batches GROUP BY 1, 2, 3, content_hash HAVING count(*) > 1",
    "not one current preparation": "SELECT source, entity, day FROM clean.preparations GROUP BY 1, 2, 3"
    " HAVING count(*) FILTER (WHERE is_current) <> 1",
    "a batch prepared twice by the same rules": "SELECT batch FROM clean.preparations GROUP BY batch, rules HAVING count(*) > 1",
    "a release made twice": "SELECT day FROM work.releases GROUP BY day HAVING count(*) > 1",
    "not the newest release shown": "SELECT release FROM work.pointers WHERE release <>"
    " (SELECT release FROM work.releases ORDER BY day DESC, release DESC LIMIT 1)",
}


def _one_of_each(ask: Ask) -> Iterator[str]:
    for what, query in _TWICE.items():
        if rows := ask(query):
            yield f"I2: {what}: {', '.join(str(tuple(map(str, row))) for row in rows[:3])}"
    for name in PUBLISHED:
        if ask(
            f"SELECT 1 FROM published.stored_{name} t WHERE NOT EXISTS (SELECT FROM work.releases r WHERE r.release = t.release) LIMIT 1"
        ):
            yield f"I2: published.{name} has rows of no release"
    for name in ENTITIES:
        if ask(
            f"SELECT 1 FROM clean.all_{name} t WHERE NOT EXISTS (SELECT FROM clean.preparations p WHERE p.preparation = t.preparation) LIMIT 1"
        ):
            yield f"I2: clean.{name} has rows of no preparation"


_SOURCE_ROWS: Final = {
    "customers": "SELECT count(*) FROM member",
    "products": "SELECT count(*) FROM goods",
    "order_lines": "SELECT count(*) FROM sale_order_line WHERE DATE(created_at) BETWEEN %s AND %s",
    "payments": "SELECT count(*) FROM payment WHERE DATE(paid_at) BETWEEN %s AND %s",
    "refunds": "SELECT count(*) FROM refund WHERE DATE(refunded_at) BETWEEN %s AND %s",
}


def _accounted(ask: Ask, ended: Ended) -> Iterator[str]:
    """Rows of the source, counted in the source itself, are the rows accounted for; the deleted person's are not read."""
    query = (
        "SELECT entity, day, expanded, kept, quarantined, duplicates, filtered FROM clean.accounting WHERE is_current"
    )
    accounts = ask(query)
    for row in accounts:
        if row.expanded != row.kept + row.quarantined + row.duplicates + row.filtered:
            yield f"I4: {row.entity} of {row.day}: {tuple(row)}"
    days = (_shop(ended).first_day, ended.scratch.day)
    with mysql(ended.scratch) as cursor:
        for entity, told in _SOURCE_ROWS.items():
            cursor.execute(told, days if "%s" in told else ())
            wanted = cursor.fetchone()[0] - (entity == "customers")
            counted = sum(row.expanded for row in accounts if row.entity == entity)
            if entity in ("customers", "products"):
                newest = max((row.day for row in accounts if row.entity == entity), default=None)
                counted = sum(row.expanded for row in accounts if (row.entity, row.day) == (entity, newest))
            if counted != wanted:
                yield f"I4: {entity}: the source has {wanted} rows, {counted} are accounted for"


def _shop(ended: Ended) -> Shop:
    return load_shop(SHOP, ended.scratch.shops)


def _nothing_later(ask: Ask, ended: Ended) -> Iterator[str]:
    later = (
        "SELECT r.day, b.entity, b.day FROM work.manifests m JOIN work.runs r USING (run)"
        " JOIN raw.batches b ON b.batch = ANY (m.batches) WHERE b.day > r.day"
    )
    for row in ask(later):
        yield f"I5: a run of {row[0]} reads {row[1]} of {row[2]}"
    for artifact, name, day in ask("SELECT artifact, name, day FROM work.artifacts"):
        for label, frame in read_artifact(ended.db, artifact).frames.items():
            newest = _newest_day(frame)
            if newest is not None and newest > day:
                yield f"I5: {name} of {day} holds {newest} in {label}"


def _newest_day(frame: pa.Table) -> date | None:
    found: list[date] = []
    for column in frame.columns:
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            newest = pc.max(column).as_py()
            found += [] if newest is None else [newest.date() if isinstance(newest, datetime) else newest]
    return max(found, default=None)


def _money(ask: Ask, ended: Ended) -> Iterator[str]:
    """What the source's own sums say is what the clean rows and the release add up to."""
    days = (_shop(ended).first_day, ended.scratch.day)
    with mysql(ended.scratch) as cursor:
        for entity, told in _SOURCE_SUMS.items():
            cursor.execute(told, days)
            wanted = Decimal(cursor.fetchone()[0])
            counted = ask(f"SELECT sum(amount) FROM clean.{entity}")[0][0]
            hidden = ask(
                f"SELECT coalesce(sum(amount), 0) FROM clean.all_{entity} t JOIN clean.preparations USING (preparation) WHERE is_current AND {_HIDDEN[entity]}",
                who=ended.persons.deleted,
            )[0][0]
            if counted + hidden != wanted:
                yield f"I6: {entity}: the source adds up to {wanted}, the clean rows to {counted} (+ {hidden} hidden)"
    revenue = ask(
        "SELECT value FROM published.all_statistics WHERE metric = 'net_revenue' AND day = :day", day=ended.scratch.day
    )
    lines = ask("SELECT sum(amount) FROM clean.order_lines WHERE day = :day", day=ended.scratch.day)
    if [row[0] for row in revenue] != [row[0] for row in lines]:
        yield f"I6: the release says {revenue} of the day's {lines}"


_SOURCE_SUMS: Final = {
    "order_lines": "SELECT sum(quantity * price - discount) FROM sale_order_line WHERE DATE(created_at) BETWEEN %s AND %s",
    "payments": "SELECT sum(amount) FROM payment WHERE DATE(paid_at) BETWEEN %s AND %s",
    "refunds": "SELECT sum(amount) FROM refund WHERE DATE(refunded_at) BETWEEN %s AND %s",
}
_NOBODY: Final = "false AND :who <> ''"
_HIDDEN: Final = {"order_lines": "customer = :who", "payments": _NOBODY, "refunds": _NOBODY}


def _persons(ask: Ask, ended: Ended) -> Iterator[str]:
    """Nobody who asked to be left out is in what was made afterwards, nor in what was written back."""
    who = {"deleted": ended.persons.deleted, "opted out": ended.persons.opted_out}
    newest = ask("SELECT max(release) FROM work.releases")[0][0]
    with mysql(ended.scratch) as cursor, mongo(ended.scratch) as database:
        for how, customer in who.items():
            for name, entry in PUBLISHED.items():
                if entry.hidden_by and "customer" in entry.table.c:
                    query = (
                        f"SELECT 1 FROM published.stored_{name} WHERE customer = :who AND release = :release LIMIT 1"
                    )
                    if ask(query, who=customer, release=newest):
                        yield f"I7: somebody {how} is in {name} of release {newest}"
            for name in (name for name in WRITTEN if "customer" in PUBLISHED[name].table.c):
                cursor.execute(f"SELECT 1 FROM {PREFIX}{name} WHERE customer = %s", (customer,))
                if cursor.fetchone() or database[PREFIX + name].find_one({"customer": customer}):
                    yield f"I7: somebody {how} is in {name} as written back"
    if ask("SELECT 1 FROM clean.order_lines WHERE customer = :who LIMIT 1", who=ended.persons.deleted):
        yield "I7: somebody deleted is in clean.order_lines"


_LEFT: Final = {
    "open transactions": "SELECT pid, state FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'",
    "prepared transactions": "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
    "locks that nobody waits for": "SELECT locktype FROM pg_locks WHERE locktype = 'advisory' AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())",
    "leases": "SELECT name, holder FROM work.leases WHERE expires_at > clock_timestamp()",
    "temporary tables": "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "runs that run": "SELECT run FROM work.runs WHERE state = 'running'",
}


def _nothing_left(ask: Ask, scratch: Scratch) -> Iterator[str]:
    for what, query in _LEFT.items():
        deadline = time.monotonic() + _GRACE_SECONDS
        while (rows := ask(query)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if rows:
            yield f"I8: {what} are left: {', '.join(str(tuple(row)) for row in rows[:3])}"
    with mysql(scratch) as cursor, mongo(scratch) as database:
        cursor.execute("SHOW TABLES")
        there = [*(name for (name,) in cursor.fetchall()), *database.list_collection_names()]
        left = [name for name in there if is_beside(name, name.rpartition("__")[0])]
    left += [path.name for path in scratch.sink_folder.iterdir() if path.name.startswith(".")]
    if left:
        yield f"I8: half-written tables are left: {', '.join(left)}"
