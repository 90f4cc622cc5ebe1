"""Which new segment is which old one: ids that last from one training day to the next.

Source: Kuhn (1955), the Hungarian method, over centroids in one fixed scaling, that of the previous training day.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from shopmine.mining.segments.model import Matrix, Segment, Segments, squared_distances
from shopmine.mining.segments.naming import name_segments


def identify_segments(fitted: Segments, previous: Segments | None, day: date) -> tuple[Segment, ...]:
    """Identities for the centroids of `fitted`, in their order.

    Args:
        fitted: the new model; its own `segments` are not looked at.
        previous: the model of the previous training day, if any, with the same features and transform.
        day: training day of the new model.
    """
    names = name_segments(fitted.centroids, fitted.config.features)
    if previous is None or not _is_comparable(fitted, previous):
        return tuple(_newborn(str(number), name, day) for number, name in enumerate(names, start=1))
    match, nearest = _match(fitted, previous)
    next_id = 1 + max(int(segment.segment) for segment in previous.segments)
    found = []
    for index, name in enumerate(names):
        if index in match:
            old = previous.segments[match[index]]
            found.append(
                Segment(
                    segment=old.segment, name_en=name[0], name_zh=name[1], born_day=old.born_day, parents=old.parents
                )
            )
        else:
            found.append(_newborn(str(next_id), name, day, parents=(previous.segments[nearest[index]].segment,)))
            next_id += 1
    return tuple(found)


def _newborn(segment: str, name: tuple[str, str], day: date, parents: tuple[str, ...] = ()) -> Segment:
    return Segment(segment=segment, name_en=name[0], name_zh=name[1], born_day=day, parents=parents)


def _is_comparable(fitted: Segments, previous: Segments) -> bool:
    return (fitted.config.features, fitted.config.transform) == (previous.config.features, previous.config.transform)


def _match(fitted: Segments, previous: Segments) -> tuple[dict[int, int], Matrix]:
    from scipy.optimize import linear_sum_assignment

    moved = (fitted.centroids * fitted.scale + fitted.shift - previous.shift) / previous.scale
    distance = squared_distances(moved, previous.centroids)
    rows, columns = linear_sum_assignment(distance)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True)), np.asarray(distance.argmin(axis=1))
