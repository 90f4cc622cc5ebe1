"""The vote 投票: the ranks of several methods as one score.

Source: Cormack, Clarke, Büttcher (2009), reciprocal rank fusion, with a weight for each method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from shopmine.mining.recommendations.selection import Ranking


def rank_points(
    ranking: Ranking, shape: tuple[int, ...], weight: float, rank_constant: float
) -> npt.NDArray[np.float64]:
    """(n_rows, n_columns) `weight · (constant + 1) / (constant + 1 + rank)`, rank from 0; 0 where the method has no candidate.

    Args:
        ranking: of one method.
        shape: of the result.
        weight: of the method; its first rank gets that many points.
        rank_constant: the larger, the more the lower ranks matter.
    """
    points = np.zeros(shape)
    points[ranking.row, ranking.column] = weight * (rank_constant + 1) / (rank_constant + 1 + ranking.rank)
    return points
