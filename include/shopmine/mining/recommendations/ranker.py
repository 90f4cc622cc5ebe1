"""The ranking stage: boosted trees that say how likely a candidate is bought in the next days.

Source: Friedman (2001), in the histogram form of scikit-learn; fitted on one thread, so that any machine gives the same trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.pair_features import FEATURES, GROUPS
from shopmine.mining.recommendations.trees import Trees, flatten_trees
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.recommendations.config import RecommendationsConfig

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
LEAST_POSITIVE: Final = 50
"""With fewer purchases to learn from there is no ranking stage."""
_GROUP: Final = np.repeat(np.arange(len(GROUPS)), [len(names) for names in GROUPS.values()]).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """A fitted ranking.

    Attributes:
        trees: over `FEATURES`.
        intercept: added to their sum; the log-odds of a purchase among all candidates, not among the sampled ones.
    """

    trees: Trees
    intercept: float

    def score(self, features: Features) -> Floats:
        """(n,) probability that each candidate is bought within the days it was fitted for."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.trees.score(features) + self.intercept))))

    def contributions(self, features: Features) -> dict[str, Floats]:
        """Group of `GROUPS` -> (n,) what its features add to the log-odds; with the intercept and the roots they add up."""
        added = self.trees.contributions(features, _GROUP, len(GROUPS))
        return {name: added[:, place] for place, name in enumerate(GROUPS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Candidates of earlier days with what became of them.

    Attributes:
        features: (n, len(FEATURES)).
        is_bought: (n,) whether it was bought in the days after.
        weight: (n,) candidates that each stands for: 1, or the inverse of the share that was sampled.
        is_new: (n,) whether the customer had never bought it.
    """

    features: Features
    is_bought: npt.NDArray[np.bool_]
    weight: Floats
    is_new: npt.NDArray[np.bool_]

    @classmethod
    def concatenate(cls, parts: list[Examples]) -> Examples:
        """Examples of several days as one; no parts give no examples."""
        if not parts:
            none = np.zeros(0, dtype=bool)
            features = np.zeros((0, len(FEATURES)), dtype=np.float32)
            return cls(features=features, is_bought=none, weight=np.zeros(0), is_new=none)
        return cls(
            features=np.concatenate([part.features for part in parts]),
            is_bought=np.concatenate([part.is_bought for part in parts]),
            weight=np.concatenate([part.weight for part in parts]),
            is_new=np.concatenate([part.is_new for part in parts]),
        )

    def only(self, kept: npt.NDArray[np.bool_]) -> Examples:
        """Those where `kept` holds."""
        return Examples(
            features=self.features[kept],
            is_bought=self.is_bought[kept],
            weight=self.weight[kept],
            is_new=self.is_new[kept],
        )


def fit_ranker(examples: Examples, config: RecommendationsConfig) -> Ranker | None:
    """Learn the ranking, or nothing where there are fewer than `LEAST_POSITIVE` purchases or others to learn from."""
    n_bought = int(examples.is_bought.sum())
    if min(n_bought, len(examples.is_bought) - n_bought) < LEAST_POSITIVE:
        return None
    with single_thread("sklearn.ensemble"):
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            learning_rate=config.learning_rate,
            max_iter=config.n_trees,
            max_leaf_nodes=config.n_leaves,
            min_samples_leaf=config.min_leaf,
            l2_regularization=config.leaf_regularization,
            early_stopping=False,
            random_state=config.seed,
        )
        model.fit(examples.features, examples.is_bought)
    # The others were sampled: the odds among all candidates are lower by the share that was kept.
    others = ~examples.is_bought
    kept = float(others.sum() / examples.weight[others].sum())
    baseline = float(np.ravel(model._baseline_prediction)[0])
    return Ranker(trees=flatten_trees(model), intercept=baseline + float(np.log(kept)))
