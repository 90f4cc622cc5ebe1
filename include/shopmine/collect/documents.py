"""Values at dotted paths of documents: what is projected, treated, and looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from bson import json_util
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from shopmine.config.days import EPOCH


def shortest_paths(paths: Iterable[str]) -> list[str]:
    """Paths for a projection: without places in lists (`items.0.sku` is `items`) and without paths inside another."""
    named = {".".join(_until_number(path.split("."))) for path in paths}
    return sorted(path for path in named if not any(path.startswith(f"{other}.") for other in named))


def _until_number(steps: Sequence[str]) -> Iterator[str]:
    for step in steps:
        if step.isdecimal():
            return
        yield step


def projection_of(columns: Iterable[str], unwind: str | None) -> dict[str, int]:
    """What to ask the server for: the mapped paths, and the whole of the unwound list (see `prune_list`)."""
    return dict.fromkeys(shortest_paths(["_id", *columns, *([] if unwind is None else [unwind])]), 1)


def prune_list(document: dict[str, Any], columns: tuple[str, ...], unwind: str) -> None:
    """Keep, in place, of each element of the unwound list only what is mapped.

    A server's projection into a list drops elements that are no documents; here they stay, as null, so that each is counted.
    """
    *before, last = unwind.split(".")
    holder = value_at(document, ".".join(before)) if before else document
    if isinstance(holder, dict) and last in holder and unwind not in columns:
        holder[last] = pruned(holder[last], _tree_inside(columns, unwind))


@lru_cache(maxsize=64)
def _tree_inside(columns: tuple[str, ...], unwind: str) -> dict[str, Any]:
    """The mapped paths of an element as a tree of steps."""
    inside = (path.removeprefix(f"{unwind}.") for path in columns if path.startswith(f"{unwind}."))
    return tree_of(shortest_paths(inside))


def tree_of(paths: Iterable[str]) -> dict[str, Any]:
    """Paths, none inside another, as a tree of their steps."""
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for step in path.split("."):
            branch = branch.setdefault(step, {})
    return tree


def pruned(value: Any, tree: dict[str, Any]) -> Any:
    """What of a value is on the paths of a tree; all of it for an empty tree; None for a scalar that should have had paths."""
    if not tree:
        return value
    if isinstance(value, list):
        return [pruned(element, tree) for element in value]
    if isinstance(value, dict):
        return {name: pruned(inner, tree[name]) for name, inner in value.items() if name in tree}
    return None


def change_at(value: Any, steps: Sequence[str], change: Callable[[str], str] | None) -> None:
    """Change in place every value at a path, through lists too; None as `change` takes the values out."""
    if isinstance(value, list):
        for element in value:
            change_at(element, steps, change)
    elif isinstance(value, dict) and steps[0] in value:
        if len(steps) > 1:
            change_at(value[steps[0]], steps[1:], change)
        elif change is None:
            del value[steps[0]]
        else:
            value[steps[0]] = _changed(value[steps[0]], change)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_changed(element, change) for element in value]
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    return change(text_of(value))


def texts_at(value: Any, steps: Sequence[str]) -> list[str]:
    """The texts of all scalars at a path, through lists too."""
    if isinstance(value, list):
        return [text for element in value for text in texts_at(element, steps)]
    if not steps:
        return [] if value is None else [text_of(value)]
    return texts_at(value[steps[0]], steps[1:]) if isinstance(value, dict) and steps[0] in value else []


def value_at(value: Any, path: str) -> Any:
    """The value at a path of names; None where there is none or the path leads into a list."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def paths_of(value: Any, before: str = "") -> Iterator[str]:
    """Every path that a document has, each element of a list on its list's path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{before}{name}"
            yield from paths_of(inner, f"{before}{name}.")
    elif isinstance(value, list):
        for element in value:
            yield from paths_of(element, before)


def text_of(value: Any) -> str:
    """A scalar's text: numbers as written (5.0 as 5), ids as hex, dates as UTC instants; anything else as extended JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float | ObjectId | Decimal128):
        return str(value)
    if isinstance(value, DatetimeMS):
        try:
            return (EPOCH + timedelta(milliseconds=int(value))).isoformat()
        except OverflowError:
            return str(int(value))
    return str(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))
