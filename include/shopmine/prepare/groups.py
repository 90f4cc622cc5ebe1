"""Batches put together into groups that are prepared at once: many small days cost what one large one costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def group_batches(
    batches: Iterable[Item], *, rows: Callable[[Item], int], shape: Callable[[Item], object], most_rows: int
) -> Iterator[list[Item]]:
    """Neighbours of the same shape, together at most `most_rows` rows; a batch above that is a group of its own.

    Args:
        batches: in the order to keep.
        rows: a batch's number of rows.
        shape: equal for batches that can be decoded together (format and columns).
        most_rows: bounds the memory of a group.
    """
    group: list[Item] = []
    n_rows = 0
    for batch in batches:
        if group and (shape(batch) != shape(group[0]) or n_rows + rows(batch) > most_rows):
            yield group
            group, n_rows = [], 0
        group.append(batch)
        n_rows += rows(batch)
    if group:
        yield group
