"""What is wrong with a shop's file, in words: dotted key, value, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shopmine.config.canonical import ENTITIES, CanonicalEntity, ColumnType
from shopmine.config.kinds import KIND_SETTINGS, KINDS, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from shopmine.config.entities import EntityConfig, SourceConfig
    from shopmine.config.fields import Condition, FieldConfig

_NUMBERS = (ColumnType.NUMERIC, ColumnType.INTEGER)


def explain_errors(error: ValidationError, tables: Mapping[tuple[str, ...], type[BaseModel]]) -> list[str]:
    """One line for each thing that does not fit the form of the file; `tables` says which keys are known where."""
    lines = []
    for detail in error.errors(include_url=False):
        place = tuple(str(part) for part in detail["loc"])
        key = ".".join(place) or "the file"
        match detail["type"]:
            case "extra_forbidden":
                lines.append(f"{key}: unknown key {place[-1]!r}{nearest(place[-1], _known_keys(place[:-1], tables))}")
            case "missing":
                lines.append(f"{key}: is missing")
            case "value_error":
                lines.append(f"{key}: {detail['ctx']['error']}")
            case _:
                lines.append(f"{key}: {detail['input']!r} does not fit: {detail['msg']}")
    return lines


def _known_keys(place: tuple[str, ...], tables: Mapping[tuple[str, ...], type[BaseModel]]) -> list[str]:
    for pattern, table in tables.items():
        if len(pattern) == len(place) and all(p in ("*", q) for p, q in zip(pattern, place, strict=True)):
            return [field.alias or name for name, field in table.model_fields.items() if name != "name"]
    return []


def find_problems(source: SourceConfig) -> list[str]:
    """One line for each thing in a source that has the right form but cannot work."""
    problems = []
    for entity in source.entities.values():
        place = f"sources.{source.name}.entities.{entity.name}"
        if entity.name not in ENTITIES:
            problems.append(f"{place}: unknown entity {entity.name!r}{nearest(entity.name, ENTITIES)}")
            continue
        found = _derived_problems(source, entity) if entity.is_derived else _read_problems(source, entity)
        problems += [f"{place}{problem}" for problem in [*found, *_mapping_problems(entity)]]
    return problems


def _derived_problems(source: SourceConfig, entity: EntityConfig) -> Iterator[str]:
    parent = source.entities.get(str(entity.from_))
    readable = [other.name for other in source.read_entities()]
    if parent is None:
        yield f".from: unknown entity {entity.from_!r}{nearest(str(entity.from_), readable)}"
    elif parent.is_derived:
        yield f".from: {entity.from_!r} is itself made from {parent.from_!r}; name that one"
    elif parent.is_snapshot and entity.canonical.is_fact:
        yield f".from: {entity.from_!r} is read as a snapshot, but {entity.name} are facts that need a `day`"
    elif parent.name in ENTITIES:
        for problem in _condition_problems(parent.canonical, parent.fields, entity.only, sees_all=True):
            yield f".only: {problem}"
    own = [name for name in (*KIND_SETTINGS, "day") if getattr(entity, name) is not None]
    own += [name for name in ("key", "personal", "rules") if getattr(entity, name)]
    for name in own:
        yield f".{name}: belongs to {entity.from_!r}, whose rows these are; move it there"


def _read_problems(source: SourceConfig, entity: EntityConfig) -> Iterator[str]:
    kind = KINDS[source.kind]
    given = [name for name in KIND_SETTINGS if getattr(entity, name) is not None]
    for name in given:
        if name not in (*kind.one_of, *kind.optional):
            choices = ", ".join((*kind.one_of, *kind.optional))
            yield f".{name}: is no setting of a {source.kind} source; it has {choices}"
    where = [name for name in given if name in kind.one_of]
    if len(where) != 1:
        choices = " or ".join(f"`{name}`" for name in kind.one_of)
        yield f": says {len(where)} times where to read; give {choices} once, or `from`"
    if entity.path is not None and (problem := _path_problem(entity.path)):
        yield f".path: {entity.path!r} {problem}"
    if entity.api is not None and kind.apis and entity.api not in kind.apis:
        yield f".api: unknown {entity.api!r}{nearest(entity.api, kind.apis)}"
    if entity.only:
        yield ".only: goes with `from`; for a read of its own use `where` or a query"
    yield from _day_problems(entity)
    yield from _personal_problems(source, entity)


def _day_problems(entity: EntityConfig) -> Iterator[str]:
    ways = [entity.day, entity.day_from_name]
    if entity.canonical.is_fact and (entity.is_snapshot or not any(ways)):
        yield f".day: {entity.name} are facts: say which source column tells their day"
    elif not any(ways):
        yield '.day: is missing; give a source column, or "snapshot" for a table that is read whole'
    if all(ways):
        yield ".day_from_name: stands beside `day`; keep one"
    if entity.day_from_name is not None:
        try:
            if re.compile(entity.day_from_name).groups != 1:
                yield f".day_from_name: {entity.day_from_name!r} needs one group that holds the day, like '(\\d{{4}}-\\d{{2}}-\\d{{2}})'"
        except re.error as error:
            yield f".day_from_name: {entity.day_from_name!r} is no regular expression: {error}"


def _path_problem(path: str) -> str | None:
    """Why a pattern cannot stand for files below the connection's folder; None: it can."""
    pattern = PurePosixPath(path)
    if pattern.is_absolute() or ".." in pattern.parts or not pattern.parts:
        return "must lead into the connection's folder, without a leading slash and `..`, like 'sales/*.csv'"
    if any("**" in part and part != "**" for part in pattern.parts):
        return "has ** beside other characters; ** alone stands for any folders, like 'sales/**/*.csv'"
    return None


def _personal_problems(source: SourceConfig, entity: EntityConfig) -> Iterator[str]:
    read = source.columns(entity.name)
    for column, treatment in entity.personal.items():
        if treatment == "drop" and (users := [name for name in read if _is_within(name, column)]):
            yield f".personal.{column}: is dropped, but {users[0]!r} is used; hash it or unmap it"
        if treatment != "drop" and not any(_is_within(column, name) for name in read):
            yield f".personal.{column}: nothing reads this column{nearest(column, read)}"
        if column == entity.day:
            yield f".personal.{column}: tells the day, so it must stay as it is"


def _is_within(column: str, other: str) -> bool:
    """Whether a column is another one, or (by path) a part of it."""
    return column == other or column.startswith(f"{other}.")


def _mapping_problems(entity: EntityConfig) -> Iterator[str]:
    canonical = entity.canonical
    for name in entity.fields:
        if name not in canonical.by_name:
            yield f".fields.{name}: unknown column {name!r} of {canonical.name}{nearest(name, canonical.by_name)}"
    for column in canonical.columns:
        if column.is_required and not column.is_made and column.name not in entity.fields:
            yield f'.fields.{column.name}: is required; map it, like {column.name} = "a source column"'
    yield from _person_problems(entity)
    for name, field in entity.fields.items():
        for case in field.cases:
            for problem in _condition_problems(canonical, entity.fields, case.conditions):
                yield f".fields.{name}.cases: {problem}"
    for name, rule in entity.rules.items():
        for problem in _condition_problems(canonical, entity.fields, rule, sees_all=True):
            yield f".rules.{name}: {problem}"


def _person_problems(entity: EntityConfig) -> Iterator[str]:
    person = str(entity.canonical.person)
    if person in entity.fields and len(entity.fields[person].sources) > 1:
        yield f".fields.{person}: a person's key is one column, by which the person can be found and forgotten"


def _condition_problems(
    canonical: CanonicalEntity,
    fields: Mapping[str, FieldConfig],
    conditions: Sequence[Condition],
    *,
    sees_all: bool = False,
) -> Iterator[str]:
    usable = [name for name, field in fields.items() if sees_all or not field.cases]
    usable += [column.name for column in canonical.columns if sees_all and column.is_made]
    for condition in conditions:
        if condition.column not in usable or condition.column not in canonical.by_name:
            yield f"unknown column {condition.column!r}{nearest(condition.column, usable)}"
            continue
        kind = canonical.by_name[condition.column].type
        if condition.pattern is None and kind not in _NUMBERS:
            yield f"{condition.column} is {kind}, so it cannot be compared with the number {condition.number}"
        elif condition.pattern is not None and kind is not ColumnType.TEXT:
            yield f'{condition.column} is {kind}, so a pattern cannot test it; compare it, like "> 0"'
        elif condition.pattern is not None and (problem := _pattern_problem(condition.pattern)):
            yield problem


def _pattern_problem(pattern: str) -> str | None:
    import pyarrow as pa
    from pyarrow import compute

    try:
        compute.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return f"{pattern!r} is no regular expression (RE2): {error}"
    return None
