"""The days of a document: one, or one for each element of the list that is unwound."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from bson.datetime_ms import DatetimeMS

from shopmine.collect.documents import value_at
from shopmine.config.days import EPOCH, local_day

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig

Document = dict[str, Any]
_OBJECT: Final = 3
# Every type of BSON by its number; `$not` is not allowed there.
_NO_OBJECT: Final = [-1, *(number for number in range(1, 20) if number != _OBJECT), 127]


def parts_by_day(entity: EntityConfig, document: Document, zone: ZoneInfo) -> dict[date | None, Document]:
    """The document under its day; under each of its days with the elements of that day where these have their own.

    None stands for what has no day. A document whose list is empty holds nothing and gives nothing.
    """
    inner = inside_list(entity)
    if inner is None:
        return {_day_of(value_at(document, str(entity.day)), zone): document}
    unwind = str(entity.unwind)
    elements = value_at(document, unwind)
    if not isinstance(elements, list):
        return {None: document}
    by_day: dict[date | None, list[Any]] = {}
    for element in elements:
        by_day.setdefault(_day_of(value_at(element, inner), zone), []).append(element)
    return {day: _with_value(document, unwind.split("."), own) for day, own in by_day.items()}


def has_no_day(entity: EntityConfig) -> Document:
    """The query for documents that hold anything to which `parts_by_day` gives no day."""
    inner = inside_list(entity)
    if inner is None:
        # A path through a list has no one date, though a query finds those of its elements there.
        steps = str(entity.day).split(".")
        lists = [{".".join(steps[:n]): {"$type": "array"}} for n in range(1, len(steps) + 1)]
        return {"$or": [{entity.day: {"$not": {"$type": "date"}}}, *lists]}
    unwind = str(entity.unwind)
    strange = {"$or": [{inner: {"$not": {"$type": "date"}}}, {inner: {"$type": "array"}}]}
    return {
        "$or": [
            {unwind: {"$not": {"$type": "array"}}},
            {unwind: {"$elemMatch": strange}},
            {unwind: {"$elemMatch": {"$type": _NO_OBJECT}}},
        ]
    }


def inside_list(entity: EntityConfig) -> str | None:
    """The path of the day within an element of the unwound list, if it leads there."""
    inside = f"{entity.unwind}."
    day = str(entity.day)
    return day.removeprefix(inside) if entity.unwind is not None and day.startswith(inside) else None


def _day_of(at: Any, zone: ZoneInfo) -> date | None:
    if not isinstance(at, DatetimeMS):
        return None
    try:
        return local_day(EPOCH + timedelta(milliseconds=int(at)), zone)
    except OverflowError:
        return None


def _with_value(document: Document, steps: list[str], value: Any) -> Document:
    """A copy of the document with another value at the path; nothing else is copied."""
    inner = value if len(steps) == 1 else _with_value(document[steps[0]], steps[1:], value)
    return {**document, steps[0]: inner}
