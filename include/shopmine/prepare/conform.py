"""Source rows to the columns of a canonical entity: mapped, cleaned, typed; what does not fit is told row by row."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import AMOUNT, QUANTITY, UNIT_PRICE
from shopmine.config.canonical import ColumnType
from shopmine.config.fields import Condition
from shopmine.config.spelling import spelled_values
from shopmine.prepare.contracts import settle_contract
from shopmine.prepare.convert import MOST_DECIMALS, WIDE, arrow_type, convert_column, exact_amount, to_numbers
from shopmine.prepare.expressions import evaluate, json_values
from shopmine.prepare.measures import Rates, convert_money, convert_units, originals
from shopmine.prepare.rows import Problems, SourceRows, shown
from shopmine.prepare.signs import DISCOUNT, settle_signs
from shopmine.prepare.standard import replace_synonyms, standardise

if TYPE_CHECKING:
    from shopmine.config.canonical import CanonicalColumn
    from shopmine.config.entities import EntityConfig, SourceConfig
    from shopmine.config.fields import Case, FieldConfig
    from shopmine.config.shops import Shop

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
    """What a source leaves unsaid: the zone of its times without an offset, and what the shop says for all its sources.

    Attributes:
        synonyms: name -> folded spelling -> value.
        maps: name -> text -> what is looked up for it.
        rates: of other currencies, in the shop's.
        days: the day of each batch of the group, where amounts are converted.
    """

    zone: ZoneInfo
    currency: str
    synonyms: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict)
    days: tuple[date | None, ...] = ()


def locale_of(shop: Shop, source: SourceConfig) -> Locale:
    """What a shop's file says for the rows of one of its sources."""
    return Locale(
        zone=source.zone,
        currency=shop.currency,
        synonyms={name: spelled_values(name, table) for name, table in shop.synonyms.items()},
        maps=shop.maps,
        rates=shop.rates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformed:
    """Rows as a canonical entity.

    Attributes:
        table: its columns, one row for each source row.
        fragments: name -> (n_rows,) JSON text, for `attributes`.
    """

    table: pa.Table
    fragments: Mapping[str, pa.Array]


def conform_rows(
    rows: SourceRows, entity: EntityConfig, locale: Locale, problems: Problems, *, may_lack: Collection[str] = ()
) -> Conformed:
    """All canonical columns of `entity` and what its file adds as attributes, one row for each source row.

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
    made = _Fields(rows=rows, entity=entity, locale=locale, problems=problems)
    text = _conform_fields(made)
    columns = {}
    for column in entity.canonical.columns:
        values = text.get(column.name)
        if values is None:
            columns[column.name] = pa.nulls(len(rows), arrow_type(column.type, scale=0))
            continue
        own = made.problems_of(column.name)
        if column.is_required and column.name not in (AMOUNT, *may_lack):
            _note_missing(column, values, had_problems.union(own.reasons if own is not problems else ()), problems)
        columns[column.name] = _convert(made, column, values, own)
    if AMOUNT in columns and QUANTITY in columns and UNIT_PRICE in columns:
        columns[AMOUNT] = _complete_amount(entity.name, columns, problems)
    fragments = {name: rows.json[path] for name, path in entity.attributes.items()}
    return Conformed(table=pa.table(columns), fragments={**fragments, **made.originals})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """The fields of an entity on their way; what is wrong with values that a contract is about is noted apart."""

    rows: SourceRows
    entity: EntityConfig
    locale: Locale
    problems: Problems
    apart: dict[str, Problems] = field(default_factory=dict)
    originals: dict[str, pa.Array] = field(default_factory=dict)

    def problems_of(self, column: str) -> Problems:
        """Where to note what does not fit a column."""
        config = self.entity.fields.get(column)
        is_plain = self.entity.contract_of(column) is None and (config is None or not config.is_made)
        return self.problems if is_plain else self.apart.setdefault(column, Problems())


def _convert(made: _Fields, column: CanonicalColumn, values: pa.Array, own: Problems) -> pa.Array:
    """A column's typed values; those that do not fit are noted, or as its contract says."""
    config = made.entity.fields.get(column.name)
    if column.choices:
        _note_unknown(column, values, own)
    values = _without_bytes(column, config, made.rows, values, own)
    zone = _zone(config, made.rows.types, made.locale.zone)
    typed = convert_column(column.name, column.type, values, zone, own)
    if config is not None and (config.min is not None or config.max is not None):
        _note_outside(column.name, config, typed, own)
    return typed if own is made.problems else settle_contract(made.entity, column.name, typed, own, made.problems)


def _note_outside(name: str, config: FieldConfig, values: pa.Array, problems: Problems) -> None:
    for operator, bound, what in (("<", config.min, "below"), (">", config.max, "above")):
        if bound is not None:
            condition = Condition(column=name, operator=operator, number=bound)  # type: ignore[arg-type]
            bad = np.flatnonzero(_holds(condition, values))
            given = values.take(pa.array(bad)).to_pylist()
            problems.add(bad, [f"{name}: {_shown(value)} is {what} {bound}" for value in given])


def _without_bytes(
    column: CanonicalColumn, config: FieldConfig | None, rows: SourceRows, values: pa.Array, problems: Problems
) -> pa.Array:
    """Bytes land as hex digits, which are text but never the number or time that they look like."""
    if config is None or column.type is ColumnType.TEXT:
        return values
    for source in config.sources:
        kind = rows.types.get(source, "")
        if not kind.endswith(_BYTES) or kind == _OLD_TRUTH:
            continue
        is_bytes = rows.text[source].is_valid()
        bad = np.flatnonzero(is_bytes.to_numpy(zero_copy_only=False))
        problems.add(bad, [f"{column.name}: {source} holds bytes ({kind.removesuffix(_BYTES)}), not a text"] * len(bad))
        values = pc.if_else(is_bytes, None, values)
    return values


def _zone(config: FieldConfig | None, types: Mapping[str, str], zone: ZoneInfo) -> ZoneInfo:
    """TIMESTAMP columns are read in UTC, whatever the source's zone; all others show its wall clock."""
    source_type = "" if config is None or config.column is None else types.get(config.column, "")
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


def _conform_fields(made: _Fields) -> dict[str, pa.Array]:
    """Text of each mapped column; those with `cases` last, as the cases look at the others."""
    entity = made.entity
    plain = {name: _conform_field(made, name, config) for name, config in entity.fields.items() if not config.cases}
    if "currency" in entity.canonical.by_name and "currency" not in entity.fields:
        plain["currency"] = _constant(made.locale.currency, len(made.rows))
    text = dict(plain)
    for name, config in entity.fields.items():
        if config.cases:
            cleaned = _conform_field(made, name, config)
            text[name] = _fill(_apply_cases(cleaned, config.cases, plain), config.default)
    return text


def _conform_field(made: _Fields, name: str, config: FieldConfig) -> pa.Array:
    source = made.rows.text
    spellings = None if config.synonyms is None else made.locale.synonyms[config.synonyms]
    if config.columns:
        values = _once_for_each_value(_joined([source[column] for column in config.columns]), config, spellings)
    elif config.expression is not None:
        values = _once_for_each_value(_computed(made, name, config.expression), config, spellings)
    elif config.column is None:
        values = _constant(config.constant, len(made.rows))
    elif config.divided_by is None:
        values = _once_for_each_value(source[config.column], config, spellings)
    else:
        values = _divided(source[config.column], source[config.divided_by])
    if config.is_measured:
        values = _measured(made, name, config, values)
    return values if config.cases else _fill(values, config.default)


def _computed(made: _Fields, name: str, expression: str) -> pa.Array:
    """The text of an expression over source columns, each a text."""
    texts = made.rows.text or {"": _constant(None, len(made.rows))}
    found = evaluate(f"CAST(({expression}\n) AS VARCHAR)", texts, dict.fromkeys(texts, "VARCHAR"))
    reason = f"{name}: {expression} cannot be computed"
    made.problems_of(name).add(found.failed, [reason] * len(found.failed))
    return found.values


def _measured(made: _Fields, name: str, config: FieldConfig, values: pa.Array) -> pa.Array:
    """The numbers in the unit and currency that are kept; what amounts were in another currency is kept beside."""
    own, source = made.problems_of(name), made.rows.text
    if config.units:
        units = None if config.unit is None else source[config.unit]
        values = convert_units(name, values, units, config.units, own)
    if config.currency is None:
        return values
    column = config.currency_column
    currencies = _constant(config.all_in, len(values)) if column is None else source[column]
    amounts, codes_ = originals(values, currencies, made.locale.currency)
    made.originals[f"{name}_original"], made.originals[f"{name}_currency"] = json_values(amounts), json_values(codes_)
    days = pa.array(made.locale.days, pa.date32()).take(pa.array(made.rows.batch))
    return convert_money(name, values, currencies, days, made.locale.rates, made.locale.currency, own)


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


def _once_for_each_value(values: pa.Array, config: FieldConfig, spellings: Mapping[str, str] | None) -> pa.Array:
    """Clean the distinct values instead of every row's: most columns repeat theirs often."""
    encoded = values.dictionary_encode()
    return _clean(encoded.dictionary, config, spellings).take(encoded.indices)


def _clean(values: pa.Array, config: FieldConfig, spellings: Mapping[str, str] | None) -> pa.Array:
    if config.trim:
        values = pc.utf8_trim_whitespace(values)
    if config.empty_is_null:
        values = _without_empty(values)
    values = standardise(values, config)
    if config.replace:
        place = pc.index_in(values, pa.array(list(config.replace), pa.string()))
        values = pc.coalesce(pa.array(list(config.replace.values()), pa.string()).take(place), values)
    if spellings is not None:
        values = replace_synonyms(values, spellings)
    return _without_empty(values) if config.empty_is_null else values


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
