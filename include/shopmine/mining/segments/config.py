"""Settings of the customer profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shopmine.errors import ConfigError

_LEAST: Final = {
    "n_clusters": 2,
    "max_clusters": 2,
    "min_customers": 2,
    "n_sampled": 2,
    "n_init": 1,
    "n_bootstraps": 1,
    "seed": 0,
    "review_growth": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsConfig:
    """How customers are put into segments.

    Attributes:
        features: customer features to cluster on; means and medians are shown for all features anyway.
        transform: `log1p` tames the long tails of counts and money (without it nearly everybody lands in one segment);
            `none` leaves values as they are. Either way they are standardised.
        n_clusters: fixed number of segments, or None: the largest that is stable. It stays as it is from one training day
            to the next as long as it is within the bounds below and `review_growth` is not reached.
        review_growth: with so many times as many customers as when the number was chosen it is chosen anew; at least 1,
            where 1 means each time.
        max_clusters: where the search for a stable number ends.
        n_init: restarts of K-Means; the best one counts.
        n_bootstraps: resamples that a number of segments must survive.
        min_stability: smallest mean adjusted Rand index over the resamples, in [0, 1].
        min_share, max_share: bounds of a segment's share of the customers; only for the search.
        min_customers: with fewer customers nothing is mined.
        n_sampled: customers that the search and the silhouette look at, at most.
        seed: random state.
    """

    features: tuple[str, ...] = ("recency_days", "orders", "spend")
    transform: str = "log1p"
    n_clusters: int | None = None
    review_growth: float = 1.5
    max_clusters: int = 8
    n_init: int = 10
    n_bootstraps: int = 10
    min_stability: float = 0.85
    min_share: float = 0.01
    max_share: float = 0.6
    min_customers: int = 20
    n_sampled: int = 5000
    seed: int = 20

    def __post_init__(self) -> None:
        if not self.features or len(set(self.features)) < len(self.features):
            raise ConfigError(f"features={self.features!r} must name at least one customer feature, each once")
        if self.transform not in ("log1p", "none"):
            raise ConfigError(f"transform={self.transform!r} is neither 'log1p' nor 'none'")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"{name}={value!r} is below {least}")
        for name in ("min_stability", "min_share", "max_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name)!r} is outside [0, 1]; it is a share, so 5 % is 0.05")
