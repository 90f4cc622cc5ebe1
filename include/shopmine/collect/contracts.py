"""Columns of a source that come, go or change their type: what is read then, what is told, and what stops the reading.

An unmapped column never lands on its own, whatever the contract: nobody has said whether it tells about a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shopmine.collect.personal import treatment_of
from shopmine.config.kinds import nearest
from shopmine.errors import DataError

if TYPE_CHECKING:
    from shopmine.collect.reading import Column, Reader
    from shopmine.config.entities import EntityConfig, SourceConfig
    from shopmine.staging.batches import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a source offers of an entity's mapped columns.

    Attributes:
        names: the mapped columns that are there.
        gone: those that are not, and whose contract lets them go.
        told: what the run's report says of it.
    """

    names: tuple[str, ...]
    gone: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()


def look_at_columns(reader: Reader, source: SourceConfig, entity: EntityConfig, before: Sequence[Column] = ()) -> Offer:
    """Compare the mapped columns with those of the source; it is asked only where the file declares a contract.

    Args:
        reader: the open source.
        source: its part of the shop's file.
        entity: what is read.
        before: name and type of the columns as they landed last.

    Raises:
        DataError: a frozen column is gone, or a frozen entity has a new one.
    """
    names, contracts = tuple(source.columns(entity.name)), source.contracts(entity.name)
    offered = reader.offered(entity) if entity.contract is not None or any(contracts.values()) else None
    if offered is None:
        return Offer(names=names)
    missing = _missing(names, offered, has_case=source.kind != "mysql")
    place, types = f"{source.name}.{entity.name}", dict(before)
    for name in missing:
        if contracts[name] == "freeze":
            was = f"was {types[name]}" if name in types else "is mapped"
            raise DataError(
                f"{place}: column {name!r} is frozen and gone: it {was}, the source has none now{nearest(name, offered)}; bring it "
                f'back, map another column, or set contract = "evolve" for the fields made of it; {_KEPT}'
            )
    extra = _missing(offered, [*names, *entity.personal, *entity.ignore], has_case=source.kind != "mysql")
    if extra and entity.contract == "freeze":
        raise DataError(
            f"{place} is frozen, but the source has new columns {sorted(extra)}; map them, name them in `ignore`, or set another "
            f"contract; {_KEPT}"
        )
    gone = frozenset(name for name in missing if contracts[name] is not None)
    told = [f"{place}: column {name!r} is gone ({contracts[name]})" for name in names if name in gone]
    told += [f"{place}: not mapped, so not read: {', '.join(sorted(extra))}"] if extra and entity.contract else []
    return Offer(names=tuple(name for name in names if name not in gone), gone=gone, told=tuple(told))


_KEPT: Final = "what has landed stays as it is, and nothing more lands until then"


def _missing(names: Sequence[str], among: Sequence[str], *, has_case: bool) -> list[str]:
    known = set(among) if has_case else {name.lower() for name in among}
    return [name for name in names if (name if has_case else name.lower()) not in known]


def compare_types(
    source: SourceConfig, entity: EntityConfig, now: Sequence[Column], before: Sequence[Column]
) -> list[str]:
    """One line for each column that has another type in the source than when it landed last.

    Raises:
        DataError: such a column is frozen.
    """
    types, contracts, told = dict(before), source.contracts(entity.name), []
    for name, kind in now:
        was = types.get(name, kind)
        if was == kind or treatment_of(was) != treatment_of(kind):
            continue
        place = f"{source.name}.{entity.name}: column {name!r}"
        if contracts.get(name) == "freeze":
            raise DataError(
                f"{place} is frozen, but it was {was} and is {kind} now; change it back in the source, or set "
                f'contract = "evolve" for the fields made of it, run the day, and freeze it again; {_KEPT}'
            )
        told.append(f"{place} was {was}, is {kind} now")
    return told


def is_projection(now: Collection[bytes], names: Sequence[str], before: Sequence[bytes], landed: Sequence[str]) -> bool:
    """Whether rows are those that had landed, less the columns that are gone: COPY text, lines in any order."""
    if len(now) != len(before) or not set(names) <= set(landed):
        return False
    places = [landed.index(name) for name in names]
    kept = [b"\t".join([values[place] for place in places]) for values in (line.split(b"\t") for line in before)]
    return sorted(kept) == sorted(now)


def newest_columns(batches: Sequence[Batch]) -> list[Column]:
    """Name and type of the columns of the batch that was known last."""
    newest = max(batches, key=lambda batch: (batch.known_at, batch.batch), default=None)
    return [] if newest is None else [(column.name, column.type) for column in newest.columns]
