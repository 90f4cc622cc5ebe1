"""How a source's rows become a canonical entity: the part of a shop's file that collect and prepare work by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shopmine.config.canonical import ENTITIES, CanonicalEntity
from shopmine.config.kinds import KINDS, nearest

SNAPSHOT: Final = "snapshot"
# Folders of the zone files that hold the same zones counted otherwise, and names that no database knows.
_OTHER_CLOCKS: Final = ("posix/", "right/", "posixrules", "localtime")
_COMPARISON: Final = re.compile(r"\s*(<=|>=|!=|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*")


class Settings(BaseModel):
    """Base of every part of a shop's file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, populate_by_name=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One test of one canonical column: by RE2 `pattern` (searched, not anchored), else `operator` and `number`.

    A null fulfils no condition.
    """

    column: str
    pattern: str | None = None
    operator: Literal["<", "<=", ">", ">=", "=", "!="] | None = None
    number: Decimal | None = None

    @classmethod
    def parse(cls, column: str, text: str) -> Condition:
        """Read `"^C"` (a pattern) or `"< 0"` (a comparison with a number)."""
        if comparison := _COMPARISON.fullmatch(text):
            return cls(column=column, operator=comparison[1], number=Decimal(comparison[2]))  # type: ignore[arg-type]
        return cls(column=column, pattern=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`value` where all conditions hold (`is` in the file)."""

    value: str
    conditions: tuple[Condition, ...]


class FieldConfig(Settings):
    """How one canonical column is made, in this order.

    The text of `column` (else of `columns`, else `constant`) is trimmed, made null when empty, changed in case, replaced
    by `replace` when equal to one of its keys; the first of `cases` that holds overrides it; `default` stands where it is
    null.

    Attributes:
        columns: source columns that together are the value, with `/` between; null where one of them is.
        divided_by: source column by whose number that of `column` is divided, like a total by its pieces: ten decimals.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    divided_by: str | None = None
    constant: str | None = None
    trim: bool = True
    case: Literal["upper", "lower"] | None = None
    empty_is_null: bool = True
    replace: Mapping[str, str] = Field(default_factory=dict)
    default: str | None = None
    cases: tuple[Case, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("cases", mode="before")
    @classmethod
    def _read_cases(cls, value: Any) -> Any:
        return tuple(_read_case(case) for case in value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _has_a_value(self) -> FieldConfig:
        given = [name for name in ("column", "columns", "constant") if getattr(self, name) not in (None, ())]
        if len(given) > 1:
            raise ValueError(f"has both `{given[0]}` and `{given[1]}`; keep one")
        if not given and self.default is None and not self.cases:
            raise ValueError("says nothing; give `column`, `columns`, `constant`, `default` or `cases`")
        if self.divided_by is not None and self.column is None:
            raise ValueError("has `divided_by` without `column`; say what is divided")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that it is made of."""
        return tuple(name for name in (self.column, *self.columns, self.divided_by) if name is not None)


def _read_case(case: Any) -> Case:
    if not isinstance(case, dict) or "is" not in case or len(case) < 2:
        raise ValueError('a case needs `is` and at least one condition, like { is = "return", order_id = "^C" }')
    return Case(value=str(case["is"]), conditions=_read_conditions({k: v for k, v in case.items() if k != "is"}))


def _read_conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, dict) or not value or not all(isinstance(text, str) for text in value.values()):
        raise ValueError('conditions are written { canonical column = "pattern" } or { quantity = "> 0" }')
    return tuple(Condition.parse(column, text) for column, text in value.items())


class EntityConfig(Settings):
    """One canonical entity of one source: where it is read and how it is mapped.

    Attributes:
        day: source column (or path) whose time tells the fact's day, "snapshot" for the whole as it is, or None where
            `day_from_name` tells it, or the entity is made `from` another one.
        from_: the entity of the same source whose rows this one is made from; it then has no read of its own.
        only: conditions on the canonical columns of that entity: rows that do not fulfil all of them say nothing here.
        key: source columns that name a row; empty: repeats of a whole row are duplicates unless `repeats` is "keep".
        personal: source column -> what is done to it before it lands.
        fields: canonical column -> how it is made.
        attributes: name -> source column.
        rules: name -> conditions that a good row fulfils.
    """

    name: str
    from_: str | None = Field(default=None, alias="from")
    only: tuple[Condition, ...] = ()
    table: str | None = None
    query: str | None = None
    where: str | None = None
    collection: str | None = None
    unwind: str | None = None
    path: str | None = None
    day_from_name: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None
    api: str | None = None
    day: str | None = None
    key: tuple[str, ...] = ()
    repeats: Literal["drop", "keep"] = "drop"
    personal: Mapping[str, Literal["hash", "drop", "mask"]] = Field(default_factory=dict)
    fields: Mapping[str, FieldConfig]
    attributes: Mapping[str, str] = Field(default_factory=dict)
    rules: Mapping[str, tuple[Condition, ...]] = Field(default_factory=dict)

    @field_validator("only", mode="before")
    @classmethod
    def _read_only(cls, value: Any) -> Any:
        return _read_conditions(value) if isinstance(value, dict) else value

    @field_validator("rules", mode="before")
    @classmethod
    def _read_rules(cls, value: Any) -> Any:
        return {name: _read_conditions(rule) for name, rule in value.items()} if isinstance(value, dict) else value

    @property
    def canonical(self) -> CanonicalEntity:
        """What it is mapped to."""
        return ENTITIES[self.name]

    @property
    def is_snapshot(self) -> bool:
        """Whether each read gives the whole entity as it is at that moment."""
        return self.day == SNAPSHOT

    @property
    def is_derived(self) -> bool:
        """Whether it is made from the rows of another entity."""
        return self.from_ is not None

    def columns(self) -> list[str]:
        """The source columns (or paths) that this entity uses, each once, in the order of the file."""
        mapped = [column for field in self.fields.values() for column in field.sources]
        day = [] if self.day is None or self.is_snapshot else [self.day]
        return list(dict.fromkeys([*mapped, *self.attributes.values(), *self.key, *day]))


class SourceConfig(Settings):
    """One source: a server or folder, and the entities that it offers.

    Attributes:
        connection: id of the connection.
        timezone: zone of times that the source gives without one; the shop's unless said.
        lookback_days: so many last days are read again by each run.
        older_days: how often days before these are checked for late, corrected and deleted rows, by a fingerprint that the
            source computes of each: "weekly" with runs for the training weekday, "daily" with each run, or "never".
    """

    name: str
    kind: str
    connection: str
    timezone: str
    lookback_days: int = Field(default=3, ge=1)
    older_days: Literal["weekly", "daily", "never"] = "weekly"
    entities: Mapping[str, EntityConfig]

    @model_validator(mode="before")
    @classmethod
    def _name_entities(cls, value: Any) -> Any:
        return with_names(value, "entities")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str) -> str:
        return check_zone(timezone)

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}{nearest(kind, KINDS)}")
        return kind

    @model_validator(mode="after")
    def _protect_persons(self) -> SourceConfig:
        """Treat what a kind of source knows to be personal, unless the file says how itself."""
        usual = KINDS[self.kind].personal
        protected = {
            name: entity.model_copy(update={"personal": {**self._usual(name, usual), **entity.personal}})
            for name, entity in self.entities.items()
            if usual and not entity.is_derived
        }
        object.__setattr__(self, "entities", {**self.entities, **protected})
        return self

    def _usual(self, entity: str, usual: Mapping[str, Literal["hash", "drop", "mask"]]) -> dict[str, Any]:
        """Of the usual treatments those of what is read: of a column itself, or of a part of it."""
        read = self.columns(entity)
        return {path: how for path, how in usual.items() if any(f"{path}.".startswith(f"{column}.") for column in read)}

    @property
    def zone(self) -> ZoneInfo:
        """`timezone` as a zone."""
        return ZoneInfo(self.timezone)

    def read_entities(self) -> tuple[EntityConfig, ...]:
        """The entities with a read of their own."""
        return tuple(entity for entity in self.entities.values() if not entity.is_derived)

    def derived(self, entity: str) -> tuple[EntityConfig, ...]:
        """The entities made `from` this one."""
        return tuple(other for other in self.entities.values() if other.from_ == entity)

    def columns(self, entity: str) -> list[str]:
        """The source columns that a read of this entity must give: its own and those of the entities made from it."""
        users = (self.entities[entity], *self.derived(entity))
        return list(dict.fromkeys(column for user in users for column in user.columns()))


def check_zone(timezone: str) -> str:
    """The zone's name, if there is such a zone."""
    # Only a wrong name is worth a walk through the folder of all zones, which takes longer than all else in a shop's file.
    if timezone.startswith(_OTHER_CLOCKS) or not _is_zone(timezone):
        raise ValueError(f"unknown time zone {timezone!r}{nearest(timezone, available_timezones())}")
    return timezone


def _is_zone(name: str) -> bool:
    try:
        return ZoneInfo(name).key == name
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False


def with_names(value: Any, part: str) -> Any:
    """Give each table of `value[part]` its own name as the key `name`."""
    if not isinstance(value, dict) or not isinstance(value.get(part), dict):
        return value
    if named := [key for key, table in value[part].items() if isinstance(table, dict) and "name" in table]:
        raise ValueError(f"unknown key `name` in {part}.{named[0]}; the table's own name is its name")
    return {**value, part: {k: {**v, "name": k} if isinstance(v, dict) else v for k, v in value[part].items()}}
