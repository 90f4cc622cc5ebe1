"""What is wrong with a shop's steps of preparation: contracts, expressions, units, rates, synonyms, maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from shopmine.config.canonical import ColumnType
from shopmine.config.expressions import parse_expression, type_of
from shopmine.config.kinds import nearest

if TYPE_CHECKING:
    from shopmine.config.canonical import CanonicalColumn
    from shopmine.config.entities import EntityConfig
    from shopmine.config.shops import Shop

DUCKDB_TYPES: Final[Mapping[ColumnType, str]] = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.NUMERIC: "DECIMAL(38, 10)",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.TIMESTAMP: "TIMESTAMP",
    ColumnType.DATE: "DATE",
}
"""As what an expression sees a canonical column; times as the clock of the source's zone shows them."""


def find_processing_problems(shop: Shop) -> list[str]:
    """One line for each step that has the right form but cannot work."""
    return [
        *_country_problems(shop.country),
        *_steps_problems(shop),
    ]


def _country_problems(country: str | None) -> list[str]:
    if country is None:
        return []
    import holidays

    code, _, part = country.partition("-")
    known = holidays.list_supported_countries()
    if code not in known:
        return [f"country: unknown {code!r}{nearest(code, known)}"]
    return (
        [f"country: unknown part {part!r} of {code}{nearest(part, known[code])}"]
        if part and part not in known[code]
        else []
    )


def _steps_problems(shop: Shop) -> list[str]:
    return [
        f"sources.{source.name}.entities.{entity.name}.{problem}"
        for source in shop.sources.values()
        for entity in source.entities.values()
        for problem in _entity_problems(shop, entity)
    ]


def _entity_problems(shop: Shop, entity: EntityConfig) -> Iterator[str]:
    for name in entity.fields:
        column = entity.canonical.by_name[name]
        for problem in (*_field_problems(shop, entity, column), *_contract_problems(entity, column)):
            yield f"fields.{name}.{problem}"
    if entity.is_derived and (entity.keep is not None or entity.ignore):
        name = "keep" if entity.keep is not None else "ignore"
        yield f"{name}: belongs to {entity.from_!r}, whose rows these are; move it there"
    yield from _expression_problems(entity)
    for name, look in entity.lookups.items():
        texts = [c.name for c in entity.canonical.columns if c.type is ColumnType.TEXT and c.name in entity.fields]
        if look.column not in texts:
            yield f"lookups.{name}.column: unknown column {look.column!r}{nearest(look.column, texts)}"
        if look.map not in shop.maps:
            yield f"lookups.{name}.map: unknown map {look.map!r}{nearest(look.map, shop.maps)}"
        elif look.is_path and (circle := _circle(shop.maps[look.map])):
            yield f"lookups.{name}.map: {look.map!r} leads in a circle at {circle!r}; a parent cannot be its own child"
    both = [name for name in (*entity.computed, *entity.lookups) if name in entity.attributes]
    both += [name for name in entity.computed if name in entity.lookups]
    for name in both:
        yield f"attributes.{name}: is also computed or looked up; call one of them otherwise"


def _field_problems(shop: Shop, entity: EntityConfig, column: CanonicalColumn) -> Iterator[str]:
    field = entity.fields[column.name]
    if field.synonyms is not None and field.synonyms not in shop.synonyms:
        yield f"synonyms: unknown table {field.synonyms!r}{nearest(field.synonyms, shop.synonyms)}"
    numeric = [
        name for name in ("units", "currency", "min", "max", "outliers") if getattr(field, name) not in (None, {})
    ]
    if numeric and column.type not in (ColumnType.NUMERIC, ColumnType.INTEGER):
        yield f"{numeric[0]}: is for numbers, but {column.name} is {column.type}"
    if field.outliers is not None and not entity.canonical.is_fact:
        yield f"outliers: {entity.name} have no days to compare"
    if field.all_in is not None and field.all_in != shop.currency and field.all_in not in shop.rates:
        yield f"currency: there is no rate of {field.all_in}{nearest(field.all_in, shop.rates)}"
    if field.currency is not None and not shop.rates:
        yield "currency: the shop has no rates; write them under [rates.CURRENCY], like 2024-01-01 = 0.86"
    if field.expression is not None:
        expression = parse_expression(field.expression)
        try:
            type_of(expression, dict.fromkeys(expression.columns, "VARCHAR"))
        except ValueError as error:
            yield f"expression: {error}; source columns are texts here: write CAST(x AS DECIMAL(18, 4)) for a number"


def _contract_problems(entity: EntityConfig, column: CanonicalColumn) -> Iterator[str]:
    field = entity.fields[column.name]
    if field.contract == "discard_value" and column.is_required and not column.is_made:
        yield f'contract: {column.name} is required, so its value cannot be discarded alone; "discard_row" is possible'


def _expression_problems(entity: EntityConfig) -> Iterator[str]:
    columns = entity.canonical.columns
    known = {
        c.name: DUCKDB_TYPES[c.type] for c in columns if c.name in entity.fields or (c.is_made and c.name != "line")
    }
    keep = {} if entity.keep is None else {"keep": entity.keep}
    computed = {f"computed.{name}": text for name, text in entity.computed.items()}
    for place, text in {**keep, **computed}.items():
        expression = parse_expression(text)
        if unknown := [name for name in expression.columns if name not in known]:
            yield f"{place}: unknown column {unknown[0]!r}{nearest(unknown[0], known)}"
            continue
        try:
            found = type_of(expression, known)
        except ValueError as error:
            yield f"{place}: {error}"
            continue
        if place == "keep" and found != "BOOLEAN":
            yield f"keep: {text!r} is {found}, not true or false; compare it with something"


def _circle(parents: Mapping[str, str]) -> str | None:
    """Something that is above itself; None: there is nothing such."""
    for start in parents:
        seen, at = {start}, start
        while (at := parents.get(at, "")) and at not in seen:
            seen.add(at)
        if at:
            return start
    return None
