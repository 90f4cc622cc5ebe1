"""How a source's rows become a canonical entity: the part of a shop's file that collect and prepare work by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator

from shopmine.config.canonical import ENTITIES, CanonicalEntity
from shopmine.config.expressions import parse_expression
from shopmine.config.fields import Condition, Contract, FieldConfig, Settings, read_conditions
from shopmine.config.kinds import KINDS, nearest

SNAPSHOT: Final = "snapshot"
_STRICTEST_FIRST: Final[tuple[Contract | None, ...]] = ("freeze", None, "discard_row", "discard_value", "evolve")
# Folders of the zone files that hold the same zones counted otherwise, and names that no database knows.
_OTHER_CLOCKS: Final = ("posix/", "right/", "posixrules", "localtime")


class LookupConfig(Settings):
    """What is looked up for a row in one of the shop's `maps`.

    Attributes:
        column: canonical column whose text is looked up; what the map does not know gives nothing.
        map: name of the table in the shop's `maps`.
        is_path: the map names each one's parent: give the whole way from the top, like `Drinks/Coffee/Espresso`.
    """

    column: str
    map: str
    is_path: bool = False


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
        keep: expression over the canonical columns: rows for which it does not hold are filtered out, and counted so.
        computed: name -> expression over the canonical columns, which goes to `attributes`.
        lookups: name -> `{ column = "canonical column", map = "one of the shop's maps" }`, which goes to `attributes`;
            with `is_path = true` the map names parents, and the whole way from the top is given.
        contract: for all fields that say nothing themselves (docs/prepare.md). Nothing: a column that is gone stops the
            task, another type is followed, a row with a value that does not fit goes to quarantine.
        ignore: source columns that are known and not used: with `contract = "freeze"` any other new one stops the task.
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
    keep: str | None = None
    computed: Mapping[str, str] = Field(default_factory=dict)
    lookups: Mapping[str, LookupConfig] = Field(default_factory=dict)
    contract: Contract | None = None
    ignore: tuple[str, ...] = ()

    @field_validator("only", mode="before")
    @classmethod
    def _read_only(cls, value: Any) -> Any:
        return read_conditions(value) if isinstance(value, dict) else value

    @field_validator("rules", mode="before")
    @classmethod
    def _read_rules(cls, value: Any) -> Any:
        return {name: read_conditions(rule) for name, rule in value.items()} if isinstance(value, dict) else value

    @field_validator("keep")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else parse_expression(text).text

    @field_validator("computed")
    @classmethod
    def _all_readable(cls, computed: Mapping[str, str]) -> Mapping[str, str]:
        return {name: parse_expression(text).text for name, text in computed.items()}

    def contract_of(self, column: str) -> Contract | None:
        """What holds for a canonical column; without its value, where that is required, a row is nothing."""
        field, known = self.fields.get(column), self.canonical.by_name[column]
        if field is not None and field.contract is not None:
            return field.contract
        is_needed = known.is_required and not known.is_made
        return "discard_row" if self.contract == "discard_value" and is_needed else self.contract

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

    def removable(self, entity: str) -> frozenset[str]:
        """The source columns that may be gone without stopping anything, as their contract says."""
        return frozenset(column for column, held in self.contracts(entity).items() if held not in (None, "freeze"))

    def contracts(self, entity: str) -> dict[str, Contract | None]:
        """What holds for each source column that is read of an entity: the strictest of those that use it.

        The day, the key and a person's key never go away in silence: of these holds nothing, or `freeze`.
        """
        read = self.entities[entity]
        fixed = {name for name in (read.day, *read.key, *read.personal) if name is not None}
        found: dict[str, list[Contract | None]] = {column: [] for column in self.columns(entity)}
        for user in (read, *self.derived(entity)):
            for name, field in user.fields.items():
                for column in field.sources:
                    found[column].append(user.contract_of(name) or read.contract)
            for column in user.attributes.values():
                found[column].append(user.contract or read.contract)
        return {
            column: next((c for c in _STRICTEST_FIRST if c in held and (c == "freeze" or column not in fixed)), None)
            for column, held in found.items()
        }


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
