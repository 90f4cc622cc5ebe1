"""Facts and dimensions: the canonical rows made from batches, with the account of every row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shopmine.config.canonical import ENTITIES, CanonicalEntity, ColumnType
from shopmine.config.versions import version_of_day
from shopmine.errors import ConfigError, DataError
from shopmine.faults import fault_point
from shopmine.staging.batches import Batch
from shopmine.staging.copying import copy_in, copy_out
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.manifests import Manifest
from shopmine.staging.rights import record_consents
from shopmine.staging.tables_clean import ENTITY_TABLES, all_quarantine
from shopmine.staging.tables_clean import preparations as preparations_table
from shopmine.staging.tables_raw import batches as batches_table

Rules = Mapping[tuple[str, str], str]
"""(source, entity) -> version of the rules that prepare it."""

# What `prepare` keeps at most: 27 digits before the point and ten after it.
EXACT: Final = pa.decimal128(38, 10)
_ARROW_TYPES: Final[Mapping[ColumnType, pa.DataType]] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.NUMERIC: EXACT,
    ColumnType.INTEGER: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    ColumnType.DATE: pa.date32(),
}
_OTHER_TYPES: Final[Mapping[str, pa.DataType]] = {
    "shop": pa.string(),
    "day": pa.date32(),
    "batch": pa.int64(),
    "attributes": pa.string(),
}
QUARANTINE_COLUMNS: Final = ("row_key", "reason", "original", "discarded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows of a batch: `expanded` = `kept` + `quarantined` + `duplicates` + `filtered`.

    `read` counts rows as the source gave them, `expanded` after unwinding, `kept` those of the entity that was read;
    `discarded` counts single values, of rows that are kept.
    """

    read: int
    expanded: int
    kept: int
    quarantined: int
    duplicates: int
    filtered: int = 0
    discarded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What a version of the rules made of a batch.

    Attributes:
        batch, source, entity, day: of the batch.
        rules: version of the rules.
        tables: canonical entity -> its rows: canonical columns and `attributes` (JSON text), any of them may be absent
            when it is not required; the entity that was read and those derived from it.
        quarantine: (n_quarantined + n_discarded, 4) `row_key`, `reason`, `original` (text or bytes), `discarded` (a column).
        is_snapshot: the batch is the whole entity as it was on its day.
    """

    batch: int
    source: str
    entity: str
    day: date
    rules: str
    counts: Counts
    tables: Mapping[str, pa.Table]
    quarantine: pa.Table
    is_snapshot: bool = False


def version_of(rules: Rules, batch: Batch) -> str:
    """The version of the rules that prepares a batch."""
    return version_of_day(rules[batch.source, batch.entity], batch.day)


def unprepared(db: Database, batches: Sequence[Batch], rules: Rules) -> list[Batch]:
    """Those of the batches that `prepare` must work on: not yet prepared by these rules, or no longer shown so.

    The second happens when rules are changed and changed back: preparing again makes the old result current.

    Raises:
        ConfigError: there are no rules for a batch.
    """
    if missing := sorted({(batch.source, batch.entity) for batch in batches} - set(rules)):
        raise ConfigError(f"there are no rules for {missing}; there are for {sorted(rules)}")
    table = preparations_table.c
    with db.snapshot() as connection:
        rows = connection.execute(
            sa.select(table.batch, table.rules, table.is_current).where(
                _is_any(table.batch, [b.batch for b in batches])
            )
        ).all()
    done = {(row.batch, row.rules) for row in rows}
    shown = {row.batch: row.rules for row in rows if row.is_current}
    return [batch for batch in batches if _needs_work(batch.batch, version_of(rules, batch), done, shown)]


def _needs_work(batch: int, rules: str, done: set[tuple[int, str]], shown: Mapping[int, str]) -> bool:
    return (batch, rules) not in done or shown.get(batch, rules) != rules


def _is_any(column: sa.ColumnElement[int], numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.literal([*numbers], postgresql.ARRAY(sa.BigInteger)))


def write_preparations(db: Database, *, shop: str, preparations: Sequence[Preparation], lease: Lease) -> None:
    """Write the rows of each batch with their account, all or nothing, and make the newest batch of each day current.

    A batch that was prepared by the same rules before is not written again. Of two batches of a day the one with the
    later `known_at` is current, whichever is written first. Consents also go to the rights table, at once.

    Raises:
        DataError: an account does not add up, a frame's columns are wrong, or a batch does not exist.
        LeaseLostError: another process took the lease over; nothing was written.
    """
    for preparation in preparations:
        _check(preparation)
    with db.transaction() as connection:
        known_at = _known_at(connection, shop, preparations)
        written = _numbered(connection, preparations)
        new = [(number, preparation) for number, preparation, is_new in written if is_new]
        if new:
            connection.execute(sa.insert(preparations_table), [_account(shop, *entry) for entry in new])
            _write_rows(connection, shop, new)
        lease.check(connection)
        _make_current(connection, shop, [(number, preparation) for number, preparation, _ in written], known_at)
        _record_consents(connection, shop, preparations)
        fault_point("prepare.before_commit")


def _check(preparation: Preparation) -> None:
    counts, what = preparation.counts, f"{preparation.source}.{preparation.entity} of {preparation.day}"
    if counts.expanded != counts.kept + counts.quarantined + counts.duplicates + counts.filtered:
        raise DataError(
            f"the account of {what} does not add up: {counts}; expanded = kept + quarantined + duplicates + filtered"
        )
    own = preparation.tables.get(preparation.entity)
    if own is not None and own.num_rows != counts.kept:
        raise DataError(f"{what} has {own.num_rows} rows but its account says kept={counts.kept}")
    if preparation.quarantine.num_rows != counts.quarantined + counts.discarded:
        raise DataError(f"{what} has {preparation.quarantine.num_rows} rows in quarantine, its account says {counts}")
    for name, frame in preparation.tables.items():
        if name not in ENTITIES:
            raise DataError(f"{what} gave rows of {name!r}, no canonical entity; there are {sorted(ENTITIES)}")
        allowed = {*ENTITIES[name].by_name, "attributes"}
        if unknown := sorted(set(frame.column_names) - allowed):
            raise DataError(f"{what}: {name} has no columns {unknown}; it has {sorted(allowed)}")


def _known_at(connection: sa.Connection, shop: str, preparations: Sequence[Preparation]) -> dict[int, datetime]:
    """When each batch was known, having checked that the preparations name batches as they are, each once."""
    numbers = sorted({preparation.batch for preparation in preparations})
    wanted = sa.select(batches_table).where(batches_table.c.shop == shop, _is_any(batches_table.c.batch, numbers))
    found = {row.batch: row for row in connection.execute(wanted)}
    if missing := sorted(set(numbers) - set(found)):
        raise DataError(f"shop {shop!r} has no batches {missing}; land them before preparing them")
    seen: set[tuple[int, str]] = set()
    for made in preparations:
        batch = found[made.batch]
        if (batch.source, batch.entity, batch.day) != (made.source, made.entity, made.day):
            raise DataError(
                f"batch {made.batch} is {batch.source}.{batch.entity} of {batch.day}, "
                f"not {made.source}.{made.entity} of {made.day}"
            )
        if (made.batch, made.rules) in seen:
            raise DataError(f"batch {made.batch} is prepared twice by the rules {made.rules!r} in one call")
        seen.add((made.batch, made.rules))
    return {number: row.known_at for number, row in found.items()}


def _numbered(connection: sa.Connection, preparations: Sequence[Preparation]) -> list[tuple[int, Preparation, bool]]:
    """Each preparation with its number, and whether it is a new one."""
    table = preparations_table.c
    done = sa.select(table.batch, table.rules, table.preparation)
    rows = connection.execute(done.where(_is_any(table.batch, [p.batch for p in preparations])))
    found = {(row.batch, row.rules): row.preparation for row in rows}
    sequence = sa.cast(sa.func.pg_get_serial_sequence("clean.preparations", "preparation"), postgresql.REGCLASS)
    fresh = sa.select(sa.func.nextval(sequence)).select_from(
        sa.func.generate_series(1, len(preparations)).table_valued("n")
    )
    numbers = list(connection.execute(fresh).scalars())
    return [
        (found.get((p.batch, p.rules), number), p, (p.batch, p.rules) not in found)
        for number, p in zip(numbers, preparations, strict=True)
    ]


def _account(shop: str, number: int, preparation: Preparation) -> dict[str, object]:
    counts = preparation.counts
    return {
        "preparation": number,
        "batch": preparation.batch,
        "shop": shop,
        "source": preparation.source,
        "entity": preparation.entity,
        "day": preparation.day,
        "rules": preparation.rules,
        "is_current": False,
        "is_snapshot": preparation.is_snapshot,
        "read": counts.read,
        "expanded": counts.expanded,
        "kept": counts.kept,
        "quarantined": counts.quarantined,
        "duplicates": counts.duplicates,
        "filtered": counts.filtered,
        "discarded": counts.discarded,
    }


def _write_rows(connection: sa.Connection, shop: str, new: Sequence[tuple[int, Preparation]]) -> None:
    """One COPY a table for all preparations: that is what makes many small days fast."""
    for name in sorted({name for _, preparation in new for name in preparation.tables}):
        frames = [
            _placed(shop, number, preparation, preparation.tables[name])
            for number, preparation in new
            if name in preparation.tables
        ]
        copy_in(connection, ENTITY_TABLES[name], pa.concat_tables(frames, promote_options="permissive"))
    quarantined = [_placed(shop, number, preparation, _quarantine(preparation)) for number, preparation in new]
    copy_in(connection, all_quarantine, pa.concat_tables(quarantined, promote_options="permissive"))


def _placed(shop: str, number: int, preparation: Preparation, frame: pa.Table) -> pa.Table:
    """The rows with the columns that say where they come from."""
    places: dict[str, pa.Scalar] = {
        "shop": pa.scalar(shop),
        "day": pa.scalar(preparation.day, pa.date32()),
        "batch": pa.scalar(preparation.batch, pa.int64()),
        "preparation": pa.scalar(number, pa.int64()),
    }
    columns = [pa.repeat(value, frame.num_rows) for value in places.values()]
    return pa.table([*columns, *frame.columns], names=[*places, *frame.column_names])


def _quarantine(preparation: Preparation) -> pa.Table:
    frame = preparation.quarantine
    if unknown := sorted(set(frame.column_names) - set(QUARANTINE_COLUMNS)):
        raise DataError(f"a quarantine has no columns {unknown}; it has {[*QUARANTINE_COLUMNS]}")
    source = pa.repeat(pa.scalar(preparation.source), frame.num_rows)
    entity = pa.repeat(pa.scalar(preparation.entity), frame.num_rows)
    columns = {name: frame.column(name) for name in frame.column_names if name != "original"}
    if "original" in frame.column_names:
        columns["original"] = frame.column("original").cast(pa.binary())
    return pa.table({"source": source, "entity": entity, **columns})


def _make_current(
    connection: sa.Connection,
    shop: str,
    written: Sequence[tuple[int, Preparation]],
    known_at: Mapping[int, datetime],
) -> None:
    """The later snapshot wins, not the later commit; of one batch the rules written last."""
    table = preparations_table.c
    rows = connection.execute(
        sa.select(table.source, table.entity, table.day, table.preparation, table.batch, batches_table.c.known_at)
        .join(batches_table, batches_table.c.batch == table.batch)
        .where(table.shop == shop, table.is_current, _is_one_of_days([p for _, p in written]))
    )
    before = {(row.source, row.entity, row.day): row for row in rows}
    after = {slot: ((row.known_at, row.batch), row.preparation) for slot, row in before.items()}
    for number, preparation in written:
        slot = (preparation.source, preparation.entity, preparation.day)
        rank = (known_at[preparation.batch], preparation.batch)
        if slot not in after or rank >= after[slot][0]:
            after[slot] = (rank, number)
    now = {preparation for _, preparation in after.values()}
    then = {row.preparation for row in before.values()}
    for numbers, is_current in ((then - now, False), (now - then, True)):
        flip = sa.update(preparations_table).where(_is_any(table.preparation, sorted(numbers)))
        connection.execute(flip.values(is_current=is_current))


def _is_one_of_days(preparations: Sequence[Preparation]) -> sa.ColumnElement[bool]:
    table = preparations_table.c
    slots = sorted({(p.source, p.entity, p.day) for p in preparations})
    return sa.tuple_(table.source, table.entity, table.day).in_(slots)


def _record_consents(connection: sa.Connection, shop: str, preparations: Sequence[Preparation]) -> None:
    for preparation in preparations:
        if (frame := preparation.tables.get("consents")) is not None:
            record_consents(connection, shop, frame)


def read_facts(  # noqa: PLR0913 - named by the caller, one by one
    db: Database,
    manifest: Manifest,
    entity: str,
    columns: Sequence[str],
    rules: Rules,
    *,
    until: date | None = None,
    types: Mapping[str, pa.DataType] | None = None,
    distinct: bool = False,
    only: Mapping[str, Sequence[str] | Sequence[date]] | None = None,
) -> pa.Table:
    """The rows of a canonical entity that the manifest's batches gave, under these rules.

    Args:
        db: the staging database.
        manifest: which batches.
        entity: a canonical entity; rows derived from another entity's batches are among them.
        columns: canonical columns, `day`, `batch`, `attributes` (JSON text), in the wanted order.
        rules: as for `unprepared`.
        until: only what is known of days up to and including this one.
        types: other Arrow types than the usual ones (numerics: decimal128(38, 10)), by column.
        distinct: each row once, whatever the other columns say; of facts only.
        only: rows with one of these values, by column; of facts only.

    Returns:
        (n_rows, len(columns)); facts in no order, of a dimension the newest version of each key.

    Raises:
        ConfigError: the entity or a column does not exist.
        DataError: a batch is not prepared by these rules, or a value does not fit its type.
    """
    schema = _fact_schema(entity, columns, types or {})
    chosen = manifest if until is None else manifest.until(until)
    asked = [batch for batch in chosen.batches if (batch.source, batch.entity) in rules]
    with db.snapshot() as connection:
        found = _prepared(connection, asked, rules)
        if not found:
            return schema.empty_table()
        query = _fact_query(ENTITIES[entity], columns, found)
        for name, values in (only or {}).items():
            column = ENTITY_TABLES[entity].c[name]
            query = query.where(column == sa.any_(sa.literal([*values], postgresql.ARRAY(column.type))))
        return copy_out(connection, query.distinct() if distinct else query, schema)


def _fact_schema(entity: str, columns: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Schema:
    if entity not in ENTITIES:
        raise ConfigError(f"there is no canonical entity {entity!r}; there are {sorted(ENTITIES)}")
    known = {name: _ARROW_TYPES[column.type] for name, column in ENTITIES[entity].by_name.items()}
    known = {**_OTHER_TYPES, **known}
    if unknown := sorted(set(columns) - set(known)):
        raise ConfigError(f"{entity} has no columns {unknown}; it has {sorted(known)}")
    return pa.schema([(name, types.get(name, known[name])) for name in columns])


def _prepared(connection: sa.Connection, batches: Sequence[Batch], rules: Rules) -> list[int]:
    table = preparations_table.c
    rows = connection.execute(
        sa.select(table.batch, table.rules, table.preparation).where(_is_any(table.batch, [b.batch for b in batches]))
    )
    found = {(row.batch, row.rules): row.preparation for row in rows}
    wanted = [(batch.batch, version_of(rules, batch)) for batch in batches]
    if missing := [key for key in wanted if key not in found]:
        raise DataError(
            f"{len(missing)} of {len(wanted)} batches of the manifest are not prepared by these rules; run `prepare`"
        )
    return [found[key] for key in wanted]


def _fact_query(entity: CanonicalEntity, columns: Sequence[str], preparations: Sequence[int]) -> sa.Select[Any]:
    table = ENTITY_TABLES[entity.name]
    query = sa.select(*(table.c[name] for name in columns)).where(_is_any(table.c.preparation, preparations))
    if entity.is_fact:
        return query
    made = preparations_table
    key = [table.c[name] for name in entity.key]
    newest = [table.c.day.desc(), made.c.source, made.c.entity]
    joined = query.join_from(table, made, made.c.preparation == table.c.preparation)
    return joined.ext(postgresql.distinct_on(*key)).order_by(*key, *newest)
