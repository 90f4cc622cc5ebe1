"""Source rows to the columns of a canonical entity: mapped, cleaned, typed; what does not fit is told row by row."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import AMOUNT, ATTRIBUTES, QUANTITY, UNIT_PRICE
from shopmine.config.canonical import ColumnType
from shopmine.prepare.convert import MOST_DECIMALS, WIDE, arrow_type, convert_column, exact_amount, to_numbers
from shopmine.prepare.rows import Problems, SourceRows, shown
from shopmine.prepare.signs import DISCOUNT, settle_signs

if TYPE_CHECKING:
    from shopmine.config.canonical import CanonicalColumn
    from shopmine.config.entities import Case, Condition, EntityConfig, FieldConfig

Mask = npt.NDArray[np.bool_]

_BYTES: Final = " hex"
_OLD_TRUTH: Final = "bit(1) hex"  # as BIT(1) landed in batches of earlier versions
_EXACT: Final = Context(prec=100, rounding=ROUND_HALF_EVEN)
_TENTH_DECIMAL: Final = Decimal(1).scaleb(-MOST_DECIMALS)
_UTC: Final = ZoneInfo("UTC")
_COMPARE: Final = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """What a source leaves unsaid: the zone of its times without an offset, and the shop's currency."""

    zone: ZoneInfo
    currency: str


def conform_rows(
    rows: SourceRows, entity: EntityConfig, locale: Locale, problems: Problems, *, may_lack: Collection[str] = ()
) -> pa.Table:
    """All canonical columns of `entity` and, as JSON text, its `attributes`, one row for each source row.

    A column that the shop's file does not map is null; `currency` then is the shop's; `amount` is quantity × unit price
    − discount wherever the source gives none, with a return's signs as `signs` settles them. `line` is left null unless mapped: it needs the rows that are kept.

    Args:
        rows: with the text of every mapped column.
        entity: the mapping.
        locale: what the source leaves unsaid.
        problems: gets a reason for each value that is missing where it is required, or cannot be converted.
        may_lack: required columns without which a row is passed over by the caller, so that it is no problem here.
    """
    had_problems = set(problems.reasons)
    text = _conform_fields(rows, entity, locale.currency)
    columns = {}
    for column in entity.canonical.columns:
        field = entity.fields.get(column.name)
        values = text.get(column.name)
        if values is None:
            columns[column.name] = pa.nulls(len(rows), arrow_type(column.type, scale=0))
            continue
        if column.is_required and column.name not in (AMOUNT, *may_lack):
            _note_missing(column, values, had_problems, problems)
        if column.choices:
            _note_unknown(column, values, problems)
        values = _without_bytes(column, field, rows, values, problems)
        zone = _zone(field, rows.types, locale.zone)
        columns[column.name] = convert_column(column.name, column.type, values, zone, problems)
    if AMOUNT in columns and QUANTITY in columns and UNIT_PRICE in columns:
        columns[AMOUNT] = _complete_amount(entity.name, columns, problems)
    fragments = {name: rows.json[path] for name, path in entity.attributes.items()}
    return pa.table({**columns, ATTRIBUTES: join_attributes(fragments, len(rows))})


def _without_bytes(
    column: CanonicalColumn, field: FieldConfig | None, rows: SourceRows, values: pa.Array, problems: Problems
) -> pa.Array:
    """Bytes land as hex digits, which are text but never the number or time that they look like."""
    if field is None or column.type is ColumnType.TEXT:
        return values
    for source in field.sources:
        kind = rows.types.get(source, "")
        if not kind.endswith(_BYTES) or kind == _OLD_TRUTH:
            continue
        is_bytes = rows.text[source].is_valid()
        bad = np.flatnonzero(is_bytes.to_numpy(zero_copy_only=False))
        problems.add(bad, [f"{column.name}: {source} holds bytes ({kind.removesuffix(_BYTES)}), not a text"] * len(bad))
        values = pc.if_else(is_bytes, None, values)
    return values


def _zone(field: FieldConfig | None, types: Mapping[str, str], zone: ZoneInfo) -> ZoneInfo:
    """TIMESTAMP columns are read in UTC, whatever the source's zone; all others show its wall clock."""
    source_type = "" if field is None or field.column is None else types.get(field.column, "")
    return _UTC if source_type.lower().startswith("timestamp") else zone


def _note_missing(column: CanonicalColumn, values: pa.Array, skip: set[int], problems: Problems) -> None:
    missing = [
        row for row in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist() if row not in skip
    ]
    problems.add(missing, [f"{column.name}: missing"] * len(missing))


def _note_unknown(column: CanonicalColumn, values: pa.Array, problems: Problems) -> None:
    known = pc.is_in(values, pa.array([*column.choices, None], pa.string())).to_numpy(zero_copy_only=False)
    unknown = np.flatnonzero(~known)
    given = values.take(pa.array(unknown)).to_pylist()
    problems.add(unknown, [f"{column.name}: {shown(value)} is none of {', '.join(column.choices)}" for value in given])


def _conform_fields(rows: SourceRows, entity: EntityConfig, currency: str) -> dict[str, pa.Array]:
    """Text of each mapped column; those with `cases` last, as the cases look at the others."""
    n_rows = len(rows)
    plain = {name: _conform_field(rows.text, field, n_rows) for name, field in entity.fields.items() if not field.cases}
    if "currency" in entity.canonical.by_name and "currency" not in entity.fields:
        plain["currency"] = _constant(currency, n_rows)
    text = dict(plain)
    for name, field in entity.fields.items():
        if field.cases:
            cleaned = _conform_field(rows.text, field, n_rows)
            text[name] = _fill(_apply_cases(cleaned, field.cases, plain), field.default)
    return text


def _conform_field(source: Mapping[str, pa.Array], field: FieldConfig, n_rows: int) -> pa.Array:
    if field.columns:
        values = _once_for_each_value(_joined([source[name] for name in field.columns]), field)
    elif field.column is None:
        values = _constant(field.constant, n_rows)
    elif field.divided_by is None:
        values = _once_for_each_value(source[field.column], field)
    else:
        values = _divided(source[field.column], source[field.divided_by])
    return values if field.cases else _fill(values, field.default)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """The trimmed texts with a bar between; null where one is null or empty."""
    cleaned = [_without_empty(pc.utf8_trim_whitespace(part)) for part in parts]
    return pc.binary_join_element_wise(*cleaned, pa.scalar("/"), null_handling="emit_null")


def _divided(total: pa.Array, by: pa.Array) -> pa.Array:
    """The quotients as text; where there is none, both texts with a bar, which no conversion to a number lets pass."""
    both = _joined([total, by]).dictionary_encode()
    return pa.array(map(_quotient, both.dictionary.to_pylist()), pa.string()).take(both.indices)


def _quotient(both: str) -> str:
    total, _, by = both.rpartition("/")
    try:
        quotient = _EXACT.divide(Decimal(total), Decimal(by)).quantize(_TENTH_DECIMAL, context=_EXACT)
    except ArithmeticError:
        return both
    return f"{quotient.normalize(_EXACT):f}"


def _constant(value: str | None, n_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), n_rows)


def _fill(values: pa.Array, default: str | None) -> pa.Array:
    return values if default is None else values.fill_null(default)


def _once_for_each_value(values: pa.Array, field: FieldConfig) -> pa.Array:
    """Clean the distinct values instead of every row's: most columns repeat theirs often."""
    encoded = values.dictionary_encode()
    return _clean(encoded.dictionary, field).take(encoded.indices)


def _clean(values: pa.Array, field: FieldConfig) -> pa.Array:
    if field.trim:
        values = pc.utf8_trim_whitespace(values)
    if field.empty_is_null:
        values = _without_empty(values)
    if field.case is not None:
        values = pc.utf8_upper(values) if field.case == "upper" else pc.utf8_lower(values)
    if field.replace:
        place = pc.index_in(values, pa.array(list(field.replace), pa.string()))
        values = pc.coalesce(pa.array(list(field.replace.values()), pa.string()).take(place), values)
    return _without_empty(values) if field.empty_is_null else values


def _without_empty(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, ""), None, values)


def _apply_cases(values: pa.Array, cases: Sequence[Case], columns: Mapping[str, pa.Array]) -> pa.Array:
    """The first case that holds wins, so they are laid over each other from the last to the first."""
    for case in reversed(cases):
        holds = pa.array(all_hold(case.conditions, columns))
        values = pc.if_else(holds, case.value, values)
    return values


def all_hold(conditions: Sequence[Condition], columns: Mapping[str, pa.Array]) -> Mask:
    """(n_rows,) whether every condition holds; a null fulfils none. Columns are text or typed."""
    held = [_holds(condition, columns[condition.column]) for condition in conditions]
    together: Mask = np.logical_and.reduce(held)
    return together


def _holds(condition: Condition, values: pa.Array) -> Mask:
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary
    if condition.operator is None or condition.number is None:
        held = pc.match_substring_regex(distinct, condition.pattern)
    else:
        numbers = to_numbers(distinct).values if pa.types.is_string(distinct.type) else distinct
        decimals = max(getattr(numbers.type, "scale", 0), -int(condition.number.as_tuple().exponent), 0)
        wide = pa.decimal256(WIDE, decimals)
        held = _COMPARE[condition.operator](numbers.cast(wide), pa.scalar(condition.number, wide))
    held = held.take(encoded.indices).fill_null(False)
    return np.asarray(held.to_numpy(zero_copy_only=False), dtype=bool)


def _complete_amount(entity: str, columns: Mapping[str, pa.Array], problems: Problems) -> pa.Array:
    # The sign of a discount beside a negative quantity is anybody's guess: a return's parts are settled first.
    settled = settle_signs(entity, columns)
    discount = settled.get(DISCOUNT, pa.nulls(len(columns[AMOUNT]), pa.decimal128(38, 0)))
    made = exact_amount(settled[QUANTITY], settled[UNIT_PRICE], discount)
    given = columns[AMOUNT]
    is_given = given.is_valid().to_numpy(zero_copy_only=False)
    bad = made.bad[~is_given[made.bad]]
    problems.add(bad, ["amount: quantity × unit_price − discount has more than 27 digits before the point"] * len(bad))
    type_ = pa.decimal128(38, max(given.type.scale, made.values.type.scale))
    return pc.coalesce(given.cast(type_), made.values.cast(type_))


def apply_rules(table: pa.Table, entity: EntityConfig, problems: Problems) -> None:
    """Note the rules of the shop's file that a row breaks, by the rule's name and the values that it looks at."""
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    for name, conditions in entity.rules.items():
        broken = np.flatnonzero(~all_hold(conditions, columns))
        if not len(broken):
            continue
        looked_at = list(dict.fromkeys(condition.column for condition in conditions))
        values = [columns[column].take(pa.array(broken)).to_pylist() for column in looked_at]
        problems.add(broken, [_broken(name, looked_at, row) for row in zip(*values, strict=True)])


def _broken(rule: str, columns: Sequence[str], values: Sequence[object]) -> str:
    return f"rule {rule}: {', '.join(f'{c} is {_shown(v)}' for c, v in zip(columns, values, strict=True))}"


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, Decimal):  # without the zeros that another row of the column may have brought
        return f"{value:f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    return shown(value) if isinstance(value, str) else str(value)


def join_attributes(fragments: Mapping[str, pa.Array], n_rows: int) -> pa.Array:
    """JSON objects of the named JSON values; a null is left out, so that no value at all gives `{}`."""
    if not fragments:
        return _constant("{}", n_rows)
    # Joined by hand: `null_handling="skip"` of binary_join_element_wise drops the rows that have nulls only.
    parts = [
        pc.binary_join_element_wise(f", {json.dumps(name, ensure_ascii=False)}: ", values, "").fill_null("")
        for name, values in fragments.items()
    ]
    inner = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, ""), 2)
    return pc.binary_join_element_wise("{", inner, "}", "")
