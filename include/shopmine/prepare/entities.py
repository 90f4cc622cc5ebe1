"""A group of batches of one entity to everything that is made of it: its rows, derived entities, quarantine, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import ATTRIBUTES, LINE, ORDER_ID
from shopmine.prepare.accounting import Accounting
from shopmine.prepare.conform import Conformed, Locale, all_hold, apply_rules, conform_rows, join_attributes
from shopmine.prepare.decode import Decoded, Wanted, decode
from shopmine.prepare.derive import pick_values
from shopmine.prepare.duplicates import Repeats, key_codes, rank_within, split_repeats, time_order, whole_row_codes
from shopmine.prepare.enrich import enrich_rows, rows_left_out
from shopmine.prepare.rows import BatchText, Problems, Rejected, Rows, SourceRows, shown
from shopmine.prepare.signs import settle_signs

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
        fields = [column for user in users for field in user.fields.values() for column in field.sources]
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
        tables: entity -> its canonical columns and `attributes` (JSON text): the entity that was read and those made
            from it.
        quarantine: the rejected rows, in the order of the batch, and the values that alone are not kept.
    """

    accounting: Accounting
    tables: Mapping[str, pa.Table]
    quarantine: Sequence[Rejected]


def prepare_batches(batches: Sequence[BatchText], rules: Rules) -> list[PreparedBatch]:
    """Prepare several batches of one entity at once; each becomes what it would become alone.

    Args:
        batches: of one source and entity, with the same columns and format; none gives an empty list.
        rules: how its rows are mapped, cleaned and judged.

    Raises:
        DataError: a mapped column is not in the batches, a format is unknown, or a value does not fit a frozen column.
    """
    if not batches:
        return []
    decoded = decode(batches, rules.wanted())
    rows, problems, entity = decoded.rows, decoded.problems, rules.entity
    locale = replace(rules.locale, days=tuple(batch.day for batch in batches))
    _note_no_day(decoded, batches, entity)
    _note_gone(rows, batches[0], entity, problems)
    conformed = conform_rows(rows, entity, locale, problems)
    apply_rules(conformed.table, entity, problems)
    table = _settled(conformed, entity, locale, problems).table
    left_out = rows_left_out(table, entity, locale, problems)
    derived = {other.name: _conform_derived(rows, other, locale, problems, left_out) for other in rules.derived}
    found = _drop_repeats(rows, table, entity, problems, left_out)
    kept, batch = pa.array(found.kept), rows.batch[found.kept]
    tables = {entity.name: (_complete(table.take(kept), batch, found.copies, entity), batch)}
    for other in rules.derived:
        tables[other.name] = _derive(other, rows, derived[other.name], _chosen(table, found.kept, other))
    rejected = [*decoded.rejected, *_reject(rows, problems, entity), *_discard(rows, problems, found.kept, entity)]
    gone = _Gone(duplicates=rows.batch[found.duplicates], filtered=rows.batch[left_out], rejected=rejected)
    return _split_batches(decoded, tables, gone, entity.name)


def _note_no_day(decoded: Decoded, batches: Sequence[BatchText], entity: EntityConfig) -> None:
    has_day = np.array([batch.has_day for batch in batches], dtype=bool)
    lost = np.flatnonzero(~has_day[decoded.rows.batch])
    decoded.problems.add(lost, [f"day: {entity.day or 'the file name'} does not tell it"] * len(lost))


def _note_gone(rows: SourceRows, first: BatchText, entity: EntityConfig, problems: Problems) -> None:
    """Rows without a column that their contract does not let go alone."""
    for name, config in entity.fields.items():
        gone = [column for column in config.sources if column in first.lacking and column not in rows.types]
        if gone and first.format == "copy" and entity.contract_of(name) == "discard_row":
            problems.add(range(len(rows)), [f"{name}: the source has no column {gone[0]!r} any more"] * len(rows))


def _conform_derived(
    rows: SourceRows, entity: EntityConfig, locale: Locale, problems: Problems, left_out: Rows
) -> Conformed:
    """The columns of an entity made from these rows; a good row whose values do not fit it is good no more."""
    own = Problems()
    conformed = conform_rows(rows, entity, locale, own, may_lack=entity.canonical.key)
    conformed = _settled(conformed, entity, locale, own)
    passed_over = set(left_out.tolist())
    for row, reasons in own.reasons.items():
        if row not in problems.reasons and row not in passed_over:
            problems.add([row], [f"{entity.name}.{'; '.join(reasons)}"])
    for row, values in own.discarded.items():
        told = [(f"{entity.name}.{column}", f"{entity.name}.{reason}") for column, reason in values]
        problems.discarded.setdefault(row, []).extend(told)
    return conformed


def _settled(conformed: Conformed, entity: EntityConfig, locale: Locale, problems: Problems) -> Conformed:
    """After the rules of the shop's file, which look at the signs that the source gave; with all `attributes`."""
    columns = {name: conformed.table.column(name).combine_chunks() for name in conformed.table.column_names}
    table = pa.table(settle_signs(entity.name, columns))
    fragments = {**conformed.fragments, **enrich_rows(table, entity, locale, problems)}
    attributes = join_attributes(fragments, len(table))
    return Conformed(table=table.append_column(ATTRIBUTES, attributes), fragments=fragments)


def _drop_repeats(
    rows: SourceRows, table: pa.Table, entity: EntityConfig, problems: Problems, left_out: Rows
) -> Repeats:
    """What becomes of the good rows, key after key; those superseded by another one are added to `problems`."""
    rest = problems.good(len(rows))
    rest = np.setdiff1d(rest, left_out, assume_unique=True) if len(left_out) else rest
    copies = np.ones(len(rows), dtype=np.int64)
    duplicates, superseded = [rest[:0]], [rest[:0]]
    for key in _keys(rows, table, entity):
        found = _split(key, table, rest, entity)
        copies[rest[found.kept]] = found.copies
        duplicates.append(rest[found.duplicates])
        superseded.append(rest[found.superseded])
        _note_superseded(key, superseded[-1], problems)
        rest = rest[found.kept]
    return Repeats(
        kept=rest,
        duplicates=np.concatenate(duplicates),
        superseded=np.concatenate(superseded),
        copies=copies[rest],
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
    keys = _row_keys(rows, bad, entity)
    return [
        Rejected(
            batch=int(rows.batch[row]),
            row_key=key,
            reason="; ".join(problems.reasons[row]),
            original=rows.lines[rows.line[row]],
        )
        for row, key in zip(bad.tolist(), keys, strict=True)
    ]


def _row_keys(rows: SourceRows, chosen: Rows, entity: EntityConfig) -> list[str] | list[None]:
    """What names these rows: the source's key, else what the canonical key is made of."""
    mapped = [
        source for name in entity.canonical.key if name in entity.fields for source in entity.fields[name].sources
    ]
    named_by = entity.key or mapped
    parts = [rows.text[name].take(pa.array(chosen)).fill_null("").to_pylist() for name in named_by]
    return ["/".join(values) for values in zip(*parts, strict=True)] if parts else [None] * len(chosen)


def _discard(rows: SourceRows, problems: Problems, kept: Rows, entity: EntityConfig) -> list[Rejected]:
    """The single values that are not kept, of rows that are."""
    if not problems.discarded:
        return []
    of_kept = [row for row in kept.tolist() if row in problems.discarded]
    keys = _row_keys(rows, np.array(of_kept, dtype=np.int64), entity)
    return [
        Rejected(
            batch=int(rows.batch[row]),
            row_key=key,
            reason=reason,
            original=rows.lines[rows.line[row]],
            discarded=column,
        )
        for row, key in zip(of_kept, keys, strict=True)
        for column, reason in problems.discarded[row]
    ]


def _chosen(table: pa.Table, kept: Rows, entity: EntityConfig) -> Rows:
    """Those of the kept rows that say something about an entity made from them (`only` in the shop's file)."""
    if not entity.only:
        return kept
    looked_at = {condition.column for condition in entity.only}
    columns = {name: table.column(name).combine_chunks().take(pa.array(kept)) for name in looked_at}
    return kept[all_hold(entity.only, columns)]


def _derive(entity: EntityConfig, rows: SourceRows, conformed: Conformed, chosen: Rows) -> tuple[pa.Table, Rows]:
    """One row a key; a row without the key (a line without a customer) says nothing about the entity."""
    table = conformed.table
    for name in entity.canonical.key:
        if entity.canonical.by_name[name].is_required:
            chosen = chosen[table.column(name).is_valid().to_numpy()[chosen]]
    at = pa.array(chosen)
    fragments = {name: values.take(at) for name, values in conformed.fragments.items()}
    return pick_values(entity.canonical, table.take(at), rows.batch[chosen], fragments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """Batches of the rows that are not kept, and what is set aside."""

    duplicates: Rows
    filtered: Rows
    rejected: Sequence[Rejected]


def _split_batches(
    decoded: Decoded, tables: Mapping[str, tuple[pa.Table, Rows]], gone: _Gone, entity: str
) -> list[PreparedBatch]:
    n_batches = len(decoded.n_read)
    n_rows = _count(decoded.rows.batch, n_batches) + _count([row.batch for row in decoded.rejected], n_batches)
    n_kept, n_duplicates = _count(tables[entity][1], n_batches), _count(gone.duplicates, n_batches)
    n_filtered = _count(gone.filtered, n_batches)
    quarantine: list[list[Rejected]] = [[] for _ in range(n_batches)]
    for row in gone.rejected:
        quarantine[row.batch].append(row)
    n_discarded = [sum(row.discarded is not None for row in rows) for rows in quarantine]
    ends = {name: np.searchsorted(batch, np.arange(n_batches + 1)) for name, (_, batch) in tables.items()}
    return [
        PreparedBatch(
            accounting=Accounting(
                read=int(decoded.n_read[i]),
                expanded=int(n_rows[i]),
                kept=int(n_kept[i]),
                quarantined=len(quarantine[i]) - n_discarded[i],
                duplicates=int(n_duplicates[i]),
                filtered=int(n_filtered[i]),
                discarded=n_discarded[i],
            ),
            tables={n: table.slice(ends[n][i], ends[n][i + 1] - ends[n][i]) for n, (table, _) in tables.items()},
            quarantine=quarantine[i],
        )
        for i in range(n_batches)
    ]


def _count(batch: Rows | list[int], n_batches: int) -> Rows:
    return np.bincount(np.asarray(batch, dtype=np.int64), minlength=n_batches)
