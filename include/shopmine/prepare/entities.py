"""A group of batches of one entity to everything that is made of it: its rows, derived entities, quarantine, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import ATTRIBUTES, LINE, ORDER_ID
from shopmine.prepare.accounting import Accounting
from shopmine.prepare.conform import Locale, apply_rules, conform_rows
from shopmine.prepare.decode import Decoded, Wanted, decode
from shopmine.prepare.derive import pick_values
from shopmine.prepare.duplicates import Repeats, key_codes, rank_within, split_repeats, time_order, whole_row_codes
from shopmine.prepare.rows import BatchText, Problems, Rejected, Rows, SourceRows, shown

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All that decides what becomes of a batch: the entity that was read, those made from it, zone and currency."""

    entity: EntityConfig
    derived: tuple[EntityConfig, ...]
    locale: Locale

    def wanted(self) -> Wanted:
        """The columns that any of the entities uses."""
        users = (self.entity, *self.derived)
        fields = [field.column for user in users for field in user.fields.values() if field.column is not None]
        attributes = [path for user in users for path in user.attributes.values()]
        return Wanted(
            text=tuple(dict.fromkeys([*fields, *self.entity.key])),
            json=tuple(dict.fromkeys(attributes)),
            unwind=self.entity.unwind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBatch:
    """What one batch became.

    Attributes:
        tables: entity -> its canonical columns and `attributes` (JSON text); the entity that was read is always there.
        quarantine: (entity, rejected row); the rows of the entity that was read are those that `accounting` counts.
    """

    accounting: Accounting
    tables: Mapping[str, pa.Table]
    quarantine: Sequence[tuple[str, Rejected]]


def prepare_batches(batches: Sequence[BatchText], rules: Rules) -> list[PreparedBatch]:
    """Prepare several batches of one entity at once; each becomes what it would become alone.

    Args:
        batches: of one source and entity, with the same columns and format; none gives an empty list.
        rules: how its rows are mapped, cleaned and judged.

    Raises:
        DataError: a mapped column is not in the batches, or a format is unknown.
    """
    if not batches:
        return []
    decoded = decode(batches, rules.wanted())
    own = _prepare_own(decoded, rules)
    rejected = [(rules.entity.name, row) for row in [*decoded.rejected, *own.rejected]]
    tables = {rules.entity.name: (own.table, own.rows.batch)}
    for entity in rules.derived:
        table, batch, not_derived = _derive(own.rows, entity, rules.locale)
        tables[entity.name] = (table, batch)
        rejected += [(entity.name, row) for row in not_derived]
    return _split_batches(decoded, own, tables, rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """Rows of the entity that was read: those kept (source and canonical), those rejected, batches of the duplicates."""

    rows: SourceRows
    table: pa.Table
    rejected: list[Rejected]
    duplicates: Rows


def _prepare_own(decoded: Decoded, rules: Rules) -> _Own:
    rows, problems, entity = decoded.rows, decoded.problems, rules.entity
    table = conform_rows(rows, entity, rules.locale, problems)
    apply_rules(table, entity, problems)
    rest = problems.good(len(rows))
    copies = np.ones(len(rows), dtype=np.int64)
    duplicates = [rest[:0]]
    for key in _keys(rows, table, entity):
        found = _split(key, table, rest, entity)
        copies[rest[found.kept]] *= found.copies
        duplicates.append(rest[found.duplicates])
        _note_superseded(key, rest[found.superseded], problems)
        rest = rest[found.kept]
    kept = rows.take(rest)
    return _Own(
        rows=kept,
        table=_complete(table.take(pa.array(rest)), kept.batch, copies[rest], entity),
        rejected=_reject(rows, problems, entity),
        duplicates=rows.batch[np.concatenate(duplicates)],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What names a row: (n_rows,) codes and, unless it is the whole row, the columns that they are made of."""

    codes: Rows
    columns: Mapping[str, pa.Array]


def _keys(rows: SourceRows, table: pa.Table, entity: EntityConfig) -> list[_Key]:
    """The source's key, if it has one, then the canonical one, which names a row once only within its batch.

    Order lines whose source has neither a key nor a line number are named by the whole row, unless repeats are kept.
    A document's key names its elements together with their place in the list.
    """
    keys = []
    if entity.key:
        columns = {name: rows.text[name] for name in entity.key}
        if entity.unwind is not None and not any(name.startswith(f"{entity.unwind}.") for name in entity.key):
            columns[f"{entity.unwind} place"] = pa.array(rows.element)
        keys.append(_Key(codes=key_codes(rows.batch, list(columns.values())), columns=columns))
    canonical = entity.canonical
    if all(name in entity.fields or not canonical.by_name[name].is_made for name in canonical.key):
        columns = {name: table.column(name).combine_chunks() for name in canonical.key}
        keys.append(_Key(codes=key_codes(rows.batch, list(columns.values())), columns=columns))
    elif not entity.key and entity.repeats == "drop":
        keys.append(_Key(codes=whole_row_codes(rows), columns={}))
    return keys


def _split(key: _Key, table: pa.Table, rest: Rows, entity: EntityConfig) -> Repeats:
    """`split_repeats` of the rows `rest`; values are compared only where a key occurs more than once."""
    codes_of_rest = key.codes[rest]
    value = np.zeros(len(rest), dtype=np.int64)
    repeated = np.flatnonzero(np.bincount(codes_of_rest)[codes_of_rest] > 1) if len(rest) else rest
    if key.columns and len(repeated):
        same_key = table.take(pa.array(rest[repeated]))
        value[repeated] = key_codes(value[repeated], [column.combine_chunks() for column in same_key.columns])
    has_time = entity.canonical.time is not None and entity.canonical.time in entity.fields
    times = table.column(entity.canonical.time).combine_chunks() if has_time else None
    return split_repeats(codes_of_rest, value, time_order(times, len(table))[rest])


def _note_superseded(key: _Key, superseded: Rows, problems: Problems) -> None:
    values = [column.take(pa.array(superseded)).to_pylist() for column in key.columns.values()]
    for row, parts in zip(superseded.tolist(), zip(*values, strict=True), strict=False):
        named = ", ".join(f"{name}={_shown(part)}" for name, part in zip(key.columns, parts, strict=True))
        problems.add([row], [f"key {named} appears with other values"])


def _shown(value: object) -> str:
    return shown(value) if isinstance(value, str) else str(value)


def _complete(table: pa.Table, batch: Rows, copies: Rows, entity: EntityConfig) -> pa.Table:
    """Number the lines of each order, and say how many copies the source held of a row that has no key."""
    if LINE in entity.canonical.by_name and LINE not in entity.fields:
        rank = rank_within(key_codes(batch, [table.column(ORDER_ID).combine_chunks()]))
        table = table.set_column(table.schema.get_field_index(LINE), LINE, pa.array(rank))
    if entity.key or not (copies > 1).any():
        return table
    attributes = table.column(ATTRIBUTES).combine_chunks()
    repeated = pa.array(copies > 1)
    changed = [
        _with_repeats(text, n)
        for text, n in zip(attributes.filter(repeated).to_pylist(), copies[copies > 1], strict=True)
    ]
    attributes = pc.replace_with_mask(attributes, repeated, pa.array(changed, pa.string()))
    return table.set_column(table.schema.get_field_index(ATTRIBUTES), ATTRIBUTES, attributes)


def _with_repeats(attributes: str, n_copies: int) -> str:
    return f'{attributes[:-1]}{", " if len(attributes) > 2 else ""}"repeats": {n_copies}}}'


def _reject(rows: SourceRows, problems: Problems, entity: EntityConfig) -> list[Rejected]:
    bad = np.array(sorted(problems.reasons), dtype=np.int64)
    mapped = [entity.fields[name].column for name in entity.canonical.key if name in entity.fields]
    named_by = [name for name in (entity.key or mapped) if name is not None]
    parts = [rows.text[name].take(pa.array(bad)).fill_null("").to_pylist() for name in named_by]
    keys = ["/".join(values) for values in zip(*parts, strict=True)] if parts else [None] * len(bad)
    return [
        Rejected(
            batch=int(rows.batch[row]),
            row_key=key,
            reason="; ".join(problems.reasons[row]),
            original=rows.lines[rows.line[row]],
        )
        for row, key in zip(bad.tolist(), keys, strict=True)
    ]


def _derive(rows: SourceRows, entity: EntityConfig, locale: Locale) -> tuple[pa.Table, Rows, list[Rejected]]:
    """Rows of an entity made from these rows, their batches, and the rows whose values do not fit it.

    A row without the entity's key (a line without a customer) says nothing about it and is passed over.
    """
    problems = Problems()
    canonical = entity.canonical
    table = conform_rows(rows, entity, locale, problems, may_lack=canonical.key)
    good = problems.good(len(rows))
    for name in canonical.key:
        if canonical.by_name[name].is_required:
            good = good[table.column(name).is_valid().to_numpy()[good]]
    fragments = {name: rows.json[path].take(pa.array(good)) for name, path in entity.attributes.items()}
    picked, batch = pick_values(canonical, table.take(pa.array(good)), rows.batch[good], fragments)
    return picked, batch, _reject(rows, problems, entity)


def _split_batches(
    decoded: Decoded, own: _Own, tables: Mapping[str, tuple[pa.Table, Rows]], rejected: Sequence[tuple[str, Rejected]]
) -> list[PreparedBatch]:
    n_batches = len(decoded.n_read)
    n_rows = [np.bincount(batch, minlength=n_batches) for batch in (decoded.rows.batch, own.rows.batch, own.duplicates)]
    n_unread = np.bincount([row.batch for row in decoded.rejected], minlength=n_batches)
    n_bad = np.bincount([row.batch for row in (*decoded.rejected, *own.rejected)], minlength=n_batches)
    quarantine: list[list[tuple[str, Rejected]]] = [[] for _ in range(n_batches)]
    for entity, row in rejected:
        quarantine[row.batch].append((entity, row))
    ends = {name: np.searchsorted(batch, np.arange(n_batches + 1)) for name, (_, batch) in tables.items()}
    return [
        PreparedBatch(
            accounting=Accounting(
                read=int(decoded.n_read[i]),
                expanded=int(n_rows[0][i] + n_unread[i]),
                kept=int(n_rows[1][i]),
                quarantined=int(n_bad[i]),
                duplicates=int(n_rows[2][i]),
            ),
            tables={n: table.slice(ends[n][i], ends[n][i + 1] - ends[n][i]) for n, (table, _) in tables.items()},
            quarantine=quarantine[i],
        )
        for i in range(n_batches)
    ]
