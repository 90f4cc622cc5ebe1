"""Which method put an entry on a list, as shares of its score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.config import FUSION, POPULAR, RANKER
from shopmine.mining.recommendations.explain import PINNED
from shopmine.mining.recommendations.pair_features import CUSTOMER, FEATURES, PERSONAL

if TYPE_CHECKING:
    from shopmine.mining.recommendations.lists import Listed, Scored
    from shopmine.mining.recommendations.ranker import Features, Ranker

Weights = npt.NDArray[np.float64]


def method_shares(method: str, scored: Scored, listed: Listed, ranker: Ranker | None) -> dict[str, Weights]:
    """Method -> (n_entries,) its share of each entry's score; what fills up is all popularity, what is pinned the shop's will.

    For the vote these are the shares of the points. For the ranking stage they are shares of what raised the log-odds; what
    lowered them, and what is the same for all of a customer's candidates, has no share.

    Args:
        method: the list's.
        scored: the candidates.
        listed: the entries.
        ranker: of the ranking stage.
    """
    ranking = listed.ranking
    place = scored.place(ranking.row, ranking.column)
    own = np.where(listed.is_filler | listed.is_pinned, 0.0, 1.0)
    parts: dict[str, Weights] = {}
    if not len(scored.raw):
        parts = {}
    elif method == FUSION:
        parts = {name: points[place] for name, points in scored.votes.items()}
    elif method == RANKER and ranker is not None:
        parts = raising_shares(ranker, scored.features[scored.described[place]])
    else:
        parts = {method: np.ones(len(place))}
    total = sum(parts.values(), start=np.zeros(len(place)))
    shares = {
        name: np.where(total > 0, part / np.where(total > 0, total, 1.0), 0.0) * own for name, part in parts.items()
    }
    rest = np.where(listed.is_pinned, 0.0, np.where((own > 0) & (total > 0), 0.0, 1.0))
    return shares | {POPULAR: shares.get(POPULAR, 0.0) + rest, PINNED: listed.is_pinned.astype(np.float64)}


def raising_shares(ranker: Ranker, features: Features) -> dict[str, Weights]:
    """Source -> (n,) what it adds to the log-odds of each row, 0 where it lowers them or has nothing to say of the product."""
    found = {}
    for name, added in ranker.contributions(features).items():
        if name == CUSTOMER:
            continue
        speaks = np.ones(len(features), dtype=bool)
        if name != POPULAR:
            first = FEATURES.index("count" if name == PERSONAL else name)
            speaks = features[:, first] > 0
        found[name] = np.where(speaks, np.maximum(added, 0.0), 0.0)
    return found
