"""The aggregation by which MongoDB tells of each day whether its documents are still the same.

Of each document (each element where these have days of their own) a 64-bit hash of what is mapped; of each day the number and
the sums of both halves, which stay exact. The server's own hash takes only the whole part of a number, so numbers go into it
as texts beside their types; numbers more than `_DEPTH` levels inside a mapped value do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from shopmine.collect.day_shifts import day_shifts
from shopmine.collect.document_days import inside_list
from shopmine.collect.documents import shortest_paths, tree_of
from shopmine.config.days import ONE_DAY, UTC_ZONE, day_bounds

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig

Expression = Any
_DEPTH: Final = 3
_HALF: Final = 1 << 32
_PLACE: Final = "shopmine_place"


def fingerprint_pipeline(
    entity: EntityConfig, names: Sequence[str], days: frozenset[date], zone: ZoneInfo
) -> list[dict[str, Any]]:
    """Stages that give `_id` (the shop's day as text, or null), `n`, `high` and `low` for every day that has anything."""
    path, unwind = str(entity.day), entity.unwind
    first, last = min(days), max(days)
    bounds = {"$gte": day_bounds(first, zone)[0], "$lt": day_bounds(last, zone)[1]}
    has_own_days = inside_list(entity) is not None
    told = _values(names, None if unwind is None or not has_own_days else unwind)
    # What is no list has no place in one, and no day.
    unwind_list = {"$unwind": {"path": f"${unwind}", "includeArrayIndex": _PLACE}}
    unwound: list[dict[str, Any]] = [unwind_list, {"$match": {_PLACE: {"$ne": None}}}] if has_own_days else []
    return [
        {"$match": {path: bounds}},
        *unwound,
        {"$project": {"_id": 0, "day": _day(path, first, last, zone), "hash": {"$toHashedIndexKey": told}}},
        {"$project": {"day": 1, "hash": 1, "low": {"$mod": ["$hash", _HALF]}}},
        {
            "$group": {
                "_id": "$day",
                "n": {"$sum": 1},
                "high": {"$sum": {"$toLong": {"$divide": [{"$subtract": ["$hash", "$low"]}, _HALF]}}},
                "low": {"$sum": "$low"},
            }
        },
    ]


def _values(names: Sequence[str], unwound: str | None) -> list[Expression]:
    """Everything that lands of a document; the place of the element in its list where each stands alone."""
    paths = shortest_paths(names if unwound is None else [*names, unwound])
    tree = tree_of(paths)
    if unwound is not None and unwound in paths and unwound not in names:
        inside = shortest_paths(n.removeprefix(f"{unwound}.") for n in names if n.startswith(f"{unwound}."))
        branch = tree
        for step in unwound.split("."):
            branch = branch[step]
        branch.update(tree_of(inside))
    place = [] if unwound is None else [{"$toString": f"${_PLACE}"}]
    return [_exact("$_id", _DEPTH), *place, *[_pruned(f"${step}", inner) for step, inner in tree.items()]]


def _day(path: str, first: date, last: date, zone: ZoneInfo) -> Expression:
    """The shop's day as text; null outside of these days, and for what is no date."""
    start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    shifts = day_shifts(zone=UTC_ZONE, shop_zone=zone, first=first - ONE_DAY, last=last + ONE_DAY)
    at = f"${path}"
    moved = [{"$add": [at, int(shift.by.total_seconds() * 1000)]} for shift in shifts]
    branches = [
        {"case": {"$lt": [at, following.start.replace(tzinfo=UTC_ZONE)]}, "then": then}
        for then, following in zip(moved, shifts[1:], strict=False)
    ]
    clock = {"$switch": {"branches": branches, "default": moved[-1]}} if branches else moved[0]
    is_within = {"$and": [{"$eq": [{"$type": at}, "date"]}, {"$gte": [at, start]}, {"$lt": [at, end]}]}
    return {"$cond": [is_within, {"$dateToString": {"format": "%Y-%m-%d", "date": clock}}, None]}


def _pruned(value: str, tree: dict[str, Any]) -> Expression:
    """Of a value only the mapped paths, through lists too, as a projection leaves it."""
    if not tree:
        return _exact(value, _DEPTH)
    inner = "$$element"
    document = ["object", *[_pruned(f"{value}.{step}", branch) for step, branch in tree.items()]]
    element = ["object", *[_pruned(f"{inner}.{step}", branch) for step, branch in tree.items()]]
    kind, of_element = {"$type": value}, {"$type": inner}
    each = {"$cond": [{"$eq": [of_element, "object"]}, element, [of_element]]}
    return {
        "$switch": {
            "branches": [
                {"case": {"$eq": [kind, "object"]}, "then": document},
                {
                    "case": {"$eq": [kind, "array"]},
                    "then": ["array", {"$map": {"input": value, "as": "element", "in": each}}],
                },
            ],
            "default": [kind, _exact(value, 0)],
        }
    }


def _exact(value: str, depth: int) -> Expression:
    """A value beside its type, in a form that is another one for every other value; `depth` levels of lists and documents."""
    kind = {"$type": value}
    # A double's text has 6 digits and its decimal 15: what these leave out stands beside.
    decimal = {"$toDecimal": value}
    back = {"$convert": {"input": decimal, "to": "double", "onError": 0.0}}
    double = ["double", {"$toString": decimal}, {"$toString": {"$subtract": [value, back]}}]
    branches = [
        {"case": {"$eq": [kind, "double"]}, "then": double},
        {"case": {"$in": [kind, ["int", "long", "decimal"]]}, "then": [kind, {"$toString": value}]},
    ]
    if depth > 0:
        name = f"value{depth}"
        each = _exact(f"$${name}", depth - 1)
        pair = [f"$${name}.k", _exact(f"$${name}.v", depth - 1)]
        fields = {"$objectToArray": value}
        branches += [
            {"case": {"$eq": [kind, "array"]}, "then": [kind, {"$map": {"input": value, "as": name, "in": each}}]},
            {"case": {"$eq": [kind, "object"]}, "then": [kind, {"$map": {"input": fields, "as": name, "in": pair}}]},
        ]
    return {"$switch": {"branches": branches, "default": [kind, value]}}
