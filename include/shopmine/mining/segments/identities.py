"""Which new segment is which old one: ids that last from one training day to the next.

Source: Kuhn (1955), the Hungarian method, over centroids in one fixed scaling, that of the previous training day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import count
from typing import TYPE_CHECKING

from shopmine.mining.segments.model import Matrix, Segment, Segments, squared_distances
from shopmine.mining.segments.naming import name_segments

if TYPE_CHECKING:
    from shopmine.mining.segments.config import SegmentsConfig


def identify_segments(fitted: Segments, previous: Segments | None, day: date) -> tuple[Segment, ...]:
    """Identities for the centroids of `fitted`, in their order.

    A segment that goes on keeps its id. A new one gets an id that never was, and the nearest old one as its parent; an old
    one that ends becomes a parent of the new one that is nearest to it. Where the features differ, all begin anew.

    Args:
        fitted: the new model; its own `segments` are not looked at.
        previous: the model of the previous training day, if any.
        day: training day of the new model.
    """
    names = name_segments(fitted.centroids, fitted.config.features)
    fresh = count(1 if previous is None else previous.n_ids + 1)
    if previous is None or not is_comparable(fitted.config, previous.config):
        return tuple(_newborn(str(next(fresh)), name, day) for name in names)
    distance = _distances(fitted, previous)
    match = _match(distance)
    ended: dict[int, list[str]] = {}
    for old, segment in enumerate(previous.segments):
        if old not in match.values():
            ended.setdefault(int(distance[:, old].argmin()), []).append(segment.segment)
    found = []
    for index, name in enumerate(names):
        if index in match:
            old_one = previous.segments[match[index]]
            parents = tuple(dict.fromkeys((*old_one.parents, *ended.get(index, ()))))
            found.append(replace(old_one, name_en=name[0], name_zh=name[1], parents=parents))
        else:
            nearest = previous.segments[int(distance[index].argmin())]
            found.append(_newborn(str(next(fresh)), name, day, parents=(nearest.segment,)))
    return tuple(found)


def _newborn(segment: str, name: tuple[str, str], day: date, parents: tuple[str, ...] = ()) -> Segment:
    return Segment(segment=segment, name_en=name[0], name_zh=name[1], born_day=day, parents=parents)


def is_comparable(one: SegmentsConfig, other: SegmentsConfig) -> bool:
    """Whether centroids of two models lie in the same space."""
    return (one.features, one.transform) == (other.features, other.transform)


def _distances(fitted: Segments, previous: Segments) -> Matrix:
    """(n_new, n_old) squared distances in the scaling of the previous model."""
    moved = (fitted.centroids * fitted.scale + fitted.shift - previous.shift) / previous.scale
    return squared_distances(moved, previous.centroids)


def _match(distance: Matrix) -> dict[int, int]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(distance)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))
