"""A look at a source before anything lands: can it be read, is what is mapped there, and how do a few rows look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shopmine.collect.contracts import look_at_columns
from shopmine.collect.outside import ShopDays
from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening, Reader, Sample, open_reader
from shopmine.config.canonical import ENTITIES
from shopmine.config.connections import Connections, find_connection
from shopmine.config.days import utc_now
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError, ShopmineError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.config.shops import Shop

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityPreview:
    """What one read of a source gives.

    Attributes:
        feeds: the canonical entities made of it, its own first.
        columns: mapped source columns with their types.
        rows: a few rows, values as text, null as None, personal ones hidden.
        n_rows: estimated; None where that would cost a scan.
        problems: what would make a run fail or lose something; empty: all is well.
    """

    entity: str
    feeds: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    n_rows: int | None = None
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePreview:
    """One source; `problems` are those of the whole source, such as a wrong password."""

    source: str
    entities: tuple[EntityPreview, ...] = ()
    problems: tuple[str, ...] = ()

    def all_problems(self) -> list[str]:
        """Those of the source and of every entity."""
        return [*self.problems, *(problem for entity in self.entities for problem in entity.problems)]


def preview_source(shop: Shop, source: str, connections: Connections, limit: int) -> SourcePreview:
    """Look at one source. Problems are returned, not raised, so that one look shows them all.

    Args:
        shop: the shop.
        source: its source.
        connections: by id.
        limit: at most so many rows of each entity.
    """
    if source not in shop.sources:
        raise ConfigError(f"shop {shop.name!r} has no source {source!r}{nearest(source, shop.sources)}")
    config = shop.sources[source]
    try:
        connection = find_connection(connections, config.connection, f"source {source!r}")
        opening = Opening(source=config, connection=connection, zone=shop.zone, key=personal_key(shop, connections))
        previews = []
        with open_reader(opening) as reader:
            for entity in config.read_entities():
                feeds = (entity.name, *(derived.name for derived in config.derived(entity.name)))
                try:
                    offer = look_at_columns(reader, config, entity)
                    sample = reader.sample(entity, offer.names, limit)
                    hints = (*offer.told, *_outside(shop, reader, entity, offer.names))
                except ShopmineError as error:
                    previews.append(
                        EntityPreview(entity=entity.name, feeds=feeds, problems=tuple(str(error).splitlines()))
                    )
                else:
                    previews.append(_preview(entity, feeds, sample, hints))
    except ShopmineError as error:
        return SourcePreview(source=source, problems=tuple(str(error).splitlines()))
    return SourcePreview(source=source, entities=tuple(previews))


def missing_entities(shop: Shop) -> list[str]:
    """Canonical entities that no source of the shop offers; what depends on them is not mined."""
    mapped = {name for source in shop.sources.values() for name in source.entities}
    return [name for name in ENTITIES if name not in mapped]


def _outside(shop: Shop, reader: Reader, entity: EntityConfig, columns: tuple[str, ...]) -> tuple[str, ...]:
    """A hint where rows are never collected, as their day is none of the shop's."""
    if entity.is_snapshot:
        return ()
    days = ShopDays.of(shop.first_day, shop.last_day, utc_now(), shop.zone)
    told = days.tell(reader.outside(entity, columns, days.first, days.last))
    return (f"not collected: {told}",) if told else ()


def _preview(entity: EntityConfig, feeds: tuple[str, ...], sample: Sample, hints: tuple[str, ...]) -> EntityPreview:
    hidden = [
        any(
            name == column or name.startswith(f"{column}.") or column.startswith(f"{name}.")
            for column in entity.personal
        )
        for name, _ in sample.columns
    ]
    return EntityPreview(
        entity=entity.name,
        feeds=feeds,
        columns=sample.columns,
        rows=tuple(
            tuple(HIDDEN if is_hidden and value else value for value, is_hidden in zip(row, hidden, strict=True))
            for row in sample.rows
        ),
        n_rows=sample.n_rows,
        problems=sample.problems,
        hints=(*sample.hints, *hints),
    )
