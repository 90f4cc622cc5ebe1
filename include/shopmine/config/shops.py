"""A shop's file `shops/NAME.toml` as typed, checked settings: the one file that a user edits."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import to_jsonable_python

from shopmine.config.checks import explain_errors, find_problems
from shopmine.config.connections import STAGING
from shopmine.config.days import NO_DAY
from shopmine.config.entities import EntityConfig, LookupConfig, SourceConfig, check_zone, with_names
from shopmine.config.fields import FieldConfig, Settings
from shopmine.config.kinds import SINK_KINDS, nearest
from shopmine.config.processing import find_processing_problems
from shopmine.config.spelling import spelled_values
from shopmine.config.versions import RulesVersion
from shopmine.errors import ConfigError, NotFoundError

SHOPS_VARIABLE: Final = "SHOPMINE_SHOPS"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
# Raised when `prepare` itself makes something else of the same rows, so that old days are prepared again.
PREPARE_VERSION: Final = 3
# Where rows are read does not change what is made of them: other rows make other batches.
_NOT_RULES: Final = {"table", "query", "where", "collection", "path", "encoding", "delimiter", "sheet", "api", "ignore"}
# Left out where nothing is said, so that a shop without them keeps the version that it had before there were these.
_LATER_RULES: Final = {"keep", "computed", "lookups", "contract"}
_LATER_FIELD_RULES: Final = {
    "expression", "width", "chinese", "synonyms", "unit", "units", "currency", "min", "max", "contract",
}  # fmt: skip


class SinkConfig(Settings):
    """Where published results are written back to."""

    name: str
    kind: str
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    prefix: str = "shopmine_"
    format: Literal["csv", "parquet"] = "csv"

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in SINK_KINDS:
            raise ValueError(f"unknown kind {kind!r}{nearest(kind, SINK_KINDS)}")
        return kind


class Shop(Settings):
    """A shop's whole file.

    Attributes:
        last_day: the data ends here, where it does.
        country: ISO code of the country whose calendar is `clean.calendar`, like `CN`, or `GB-SCT` where a part has its own.
        read_delay_minutes: so long after midnight the sources are complete.
        training_weekday: models are fitted as of these days.
        models, gates: settings of these parts as they stand in the file; the parts check them.
        synonyms: name -> value -> the other ways in which it is written; capitals and width do not matter.
        maps: name -> text -> what is looked up for it: a region of a store, the parent of a category.
        rates: currency -> day -> what one of it is in the shop's currency from that day on.
    """

    name: str
    title: str
    timezone: str
    currency: str
    first_day: date
    last_day: date | None = None
    country: str | None = None
    read_delay_minutes: int = Field(default=120, ge=0)
    owner: str = "shop-data"
    training_weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    sources: Mapping[str, SourceConfig]
    models: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    gates: Mapping[str, Any] = Field(default_factory=dict)
    synonyms: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    maps: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    rates: Mapping[str, Mapping[date, Decimal]] = Field(default_factory=dict)
    sinks: Mapping[str, SinkConfig] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_parts(cls, value: Any) -> Any:
        value = with_names(with_names(value, "sources"), "sinks")
        if isinstance(sources := value.get("sources"), dict) and "timezone" in value:
            zoned = {k: {"timezone": value["timezone"], **v} if isinstance(v, dict) else v for k, v in sources.items()}
            value = {**value, "sources": zoned}
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str) -> str:
        return check_zone(timezone)

    @field_validator("synonyms")
    @classmethod
    def _unambiguous(
        cls, synonyms: Mapping[str, Mapping[str, tuple[str, ...]]]
    ) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        for name, table in synonyms.items():
            spelled_values(name, table)
        return synonyms

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: Mapping[str, Mapping[date, Decimal]]) -> Mapping[str, Mapping[date, Decimal]]:
        if wrong := sorted(currency for currency, known in rates.items() if any(rate <= 0 for rate in known.values())):
            raise ValueError(f"has rates of {wrong} that are not above 0")
        return rates

    @model_validator(mode="after")
    def _possible_window(self) -> Shop:
        if self.last_day is not None and self.last_day < self.first_day:
            raise ValueError(f"last_day {self.last_day} is before first_day {self.first_day}")
        if self.first_day <= NO_DAY:
            raise ValueError(f"first_day {self.first_day} is impossible; it must be after {NO_DAY}")
        if not self.sources:
            raise ValueError("has no sources; add [sources.NAME]")
        places = [f"{part}.{name}" for part in ("sources", "sinks") for name in getattr(self, part)]
        if wrong := [place for place in places if not _NAME.fullmatch(place.partition(".")[2])]:
            raise ValueError(f"{wrong} cannot name a task; use a-z, 0-9 and _, beginning with a letter")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """`timezone` as a zone."""
        return ZoneInfo(self.timezone)

    @property
    def key_connection(self) -> str:
        """Id of the connection whose password is the key that personal columns are hashed with."""
        return f"{self.name}_key"

    def hashes_personal(self) -> bool:
        """Whether any column is hashed, so that the shop needs its key."""
        reads = (entity for source in self.sources.values() for entity in source.read_entities())
        return any("hash" in entity.personal.values() for entity in reads)

    def connection_ids(self) -> list[str]:
        """Ids of all connections that a run of this shop needs, the staging database's first."""
        own = [part.connection for parts in (self.sources, self.sinks) for part in parts.values()]
        return list(dict.fromkeys([STAGING, *own, *([self.key_connection] if self.hashes_personal() else [])]))

    def rules_version(self, source: str, entity: str) -> str:
        """16 hex digits over everything in this file that `prepare` makes of the rows of one read entity.

        A `RulesVersion` where amounts are converted, which tells the version of each day.
        """
        config = self.sources[source]
        users = (config.entities[entity], *config.derived(entity))
        base = _hash(
            {
                "code": PREPARE_VERSION,
                "zones": [self.timezone, config.timezone],
                "currency": self.currency,
                "kind": config.kind,
                "entities": [_rules(user) for user in users],
                "canonical": [repr(user.canonical) for user in users],
                **self._looked_at(users),
            }
        )
        is_converted = any(field.currency is not None for user in users for field in user.fields.values())
        return RulesVersion.of(base, self.rates, is_snapshot=users[0].is_snapshot) if is_converted else base

    def _looked_at(self, users: Sequence[EntityConfig]) -> dict[str, Any]:
        """The shop's tables besides the rates that these entities use, as prepare's version depends on them; nothing where none does."""
        fields = [field for user in users for field in user.fields.values()]
        tables = {
            "synonyms": {f.synonyms: self.synonyms.get(f.synonyms) for f in fields if f.synonyms is not None},
            "maps": {look.map: self.maps.get(look.map) for user in users for look in user.lookups.values()},
        }
        found = {name: to_jsonable_python(table) for name, table in tables.items() if table}
        if any(field.chinese is not None for field in fields):
            found["opencc"] = version("opencc")
        return found

    def whole_reads(self, entity: str) -> frozenset[tuple[str, str]]:
        """The (source, read entity) that together give all there is of an entity: each as a snapshot.

        Empty where no source offers it, or one gives it from facts: then what is absent is only not told of.
        """
        reads = [
            (source.name, source.entities[offered.from_ or offered.name])
            for source in self.sources.values()
            for offered in source.entities.values()
            if offered.name == entity
        ]
        is_whole = all(read.is_snapshot for _, read in reads)
        return frozenset((source, read.name) for source, read in reads) if is_whole else frozenset()

    def config_hash(self, part: str, name: str | None = None) -> str:
        """16 hex digits over one part ("models", "segments"), over all of a kind ("gates"), or one setting."""
        value = getattr(self, part)
        return _hash(to_jsonable_python(value if name is None else value.get(name)))


# Where in the file which table stands ("*" is a name that the user chose), to name the nearest key of an unknown one.
_TABLES: Final[Mapping[tuple[str, ...], type[Settings]]] = {
    (): Shop,
    ("sources", "*"): SourceConfig,
    ("sources", "*", "entities", "*"): EntityConfig,
    ("sources", "*", "entities", "*", "fields", "*"): FieldConfig,
    ("sources", "*", "entities", "*", "lookups", "*"): LookupConfig,
    ("sinks", "*"): SinkConfig,
}


def shops_folder(folder: Path | None = None) -> Path:
    """The folder of shops' files: the argument, else `SHOPMINE_SHOPS`, else `./shops`."""
    return folder or Path(os.environ.get(SHOPS_VARIABLE) or "shops")


def list_shops(folder: Path | None = None) -> list[str]:
    """Names of the shops that have a file, sorted."""
    return sorted(path.stem for path in shops_folder(folder).glob("*.toml") if _NAME.fullmatch(path.stem))


def load_shop(name: str, folder: Path | None = None) -> Shop:
    """Read and check a shop's file.

    Raises:
        NotFoundError: there is no such file; the nearest name is in the message.
        ConfigError: the file is wrong: one line a problem with the dotted key and what would be right.
    """
    path = shops_folder(folder) / f"{name}.toml"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"shop name {name!r} is not right; use a-z, 0-9 and _, beginning with a letter")
    if not path.is_file():
        raise NotFoundError(f"there is no shop {name!r} ({path}){nearest(name, list_shops(folder))}")
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    return parse_shop(name, text, origin=str(path))


def parse_shop(name: str, text: Mapping[str, Any], *, origin: str) -> Shop:
    """Check the parsed contents of a shop's file; `origin` names it in errors (see `load_shop`)."""
    if "name" in text:
        raise ConfigError(f"{origin}: unknown key 'name'; a shop is named by its file, call what people read `title`")
    try:
        shop = Shop.model_validate({**text, "name": name})
    except ValidationError as error:
        raise ConfigError("\n".join(f"{origin}: {problem}" for problem in explain_errors(error, _TABLES))) from None
    problems = [problem for source in shop.sources.values() for problem in find_problems(source)]
    problems = problems or find_processing_problems(shop)
    if problems:
        raise ConfigError("\n".join(f"{origin}: {problem}" for problem in problems))
    return shop


def _rules(entity: EntityConfig) -> dict[str, Any]:
    told = entity.model_dump(mode="json", exclude=_NOT_RULES)
    fields = {
        name: {
            key: value for key, value in field.items() if key != "outliers" and (value or key not in _LATER_FIELD_RULES)
        }
        for name, field in told["fields"].items()
    }
    return {**{key: value for key, value in told.items() if value or key not in _LATER_RULES}, "fields": fields}


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
