"""The vote 投票: the ranks of several methods as one score.

Source: Cormack, Clarke, Büttcher (2009), reciprocal rank fusion, with a weight for each method.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def rank_points(rank: npt.NDArray[np.int64], weight: float, rank_constant: float) -> npt.NDArray[np.float64]:
    """(n,) `weight · (constant + 1) / (constant + 1 + rank)`, rank from 0.

    Args:
        rank: of one method.
        weight: of the method; its first rank gets that many points.
        rank_constant: the larger, the more the lower ranks matter.
    """
    return np.asarray(weight * (rank_constant + 1) / (rank_constant + 1 + rank))
