"""K-Means run to convergence, and the number of clusters that resampling does not shake.

Source: Lloyd (1982) for K-Means; Hubert and Arabie (1985) for the adjusted Rand index; Hennig (2007) for stability by bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopmine.mining.segments.model import Matrix, squared_distances

if TYPE_CHECKING:
    from shopmine.mining.segments.config import SegmentsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """Centroids (k, d), the cluster of each point (n,), and the sum of squared distances to the own centroid."""

    centroids: Matrix
    labels: npt.NDArray[np.intp]
    inertia: float


def cluster_points(points: Matrix, n_clusters: int, *, n_init: int, seed: int) -> Clustering:
    """K-Means by Lloyd's algorithm until no point changes its cluster; the best of `n_init` starts.

    Args:
        points: (n, d) scaled; at least `n_clusters` of them distinct. Callers pin threads: other counts give other bits.
        n_clusters: number of clusters.
        n_init: number of starts.
        seed: random state of the starts.
    """
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters, n_init=n_init, algorithm="lloyd", tol=0.0, max_iter=1000, random_state=seed).fit(points)
    return Clustering(centroids=model.cluster_centers_, labels=model.labels_, inertia=float(model.inertia_))


def measure_stability(points: Matrix, whole: Clustering, config: SegmentsConfig, *, at_least: float = -1.0) -> float:
    """Mean adjusted Rand index between `whole` and clusterings of resamples of the points, each extended to all points.

    As soon as the mean cannot reach `at_least` any more, no further resample is tried, and what it can be at most is given.
    """
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(config.seed)
    agreements: list[float] = []
    for number in range(config.n_bootstraps):
        resample = points[np.sort(rng.integers(0, len(points), len(points)))]
        n_clusters = min(len(whole.centroids), len(np.unique(resample, axis=0)))
        again = cluster_points(resample, n_clusters, n_init=3, seed=config.seed + number)
        labels = squared_distances(points, again.centroids).argmin(axis=1)
        agreements.append(float(adjusted_rand_score(whole.labels, labels)))
        at_most = (sum(agreements) + config.n_bootstraps - len(agreements)) / config.n_bootstraps
        if at_most < at_least:
            return at_most
    return float(np.mean(agreements))


def choose_n_clusters(points: Matrix, config: SegmentsConfig) -> tuple[int, float]:
    """The largest number of clusters that is stable and leaves no cluster too small or too large, and its stability.

    Where none fulfils all bounds: the most stable one, then the smallest.

    Args:
        points: (n, d) scaled; at least two distinct.
        config: bounds, resamples, seed.
    """
    limit = min(config.max_clusters, len(np.unique(points, axis=0)))
    sample = _sample(points, config)
    tried: list[Clustering] = []
    for n_clusters in range(limit, 1, -1):
        whole = cluster_points(sample, n_clusters, n_init=config.n_init, seed=config.seed)
        if (stability := _accepted(sample, whole, config)) is not None:
            return n_clusters, stability
        tried.append(whole)
    found = [(len(whole.centroids), measure_stability(sample, whole, config)) for whole in tried]
    return min(found, key=lambda pair: (-pair[1], pair[0]))


def keep_n_clusters(points: Matrix, n_clusters: int, config: SegmentsConfig) -> float | None:
    """The stability of a number of clusters that was chosen before; None when it does not fulfil the bounds any more."""
    if n_clusters > min(config.max_clusters, len(np.unique(points, axis=0))):
        return None
    sample = _sample(points, config)
    return _accepted(sample, cluster_points(sample, n_clusters, n_init=config.n_init, seed=config.seed), config)


def _accepted(sample: Matrix, whole: Clustering, config: SegmentsConfig) -> float | None:
    """The stability, when the clustering is within all bounds."""
    share = np.bincount(whole.labels, minlength=len(whole.centroids)) / len(sample)
    if share.min() < config.min_share or share.max() > config.max_share:
        return None
    stability = measure_stability(sample, whole, config, at_least=config.min_stability)
    return stability if stability >= config.min_stability else None


def stability_of(points: Matrix, n_clusters: int, config: SegmentsConfig) -> float:
    """Stability of a given number of clusters."""
    sample = _sample(points, config)
    return measure_stability(sample, cluster_points(sample, n_clusters, n_init=config.n_init, seed=config.seed), config)


def _sample(points: Matrix, config: SegmentsConfig) -> Matrix:
    if len(points) <= config.n_sampled:
        return points
    rng = np.random.default_rng(config.seed)
    sample = points[np.sort(rng.choice(len(points), config.n_sampled, replace=False))]
    return sample if len(np.unique(sample, axis=0)) >= config.max_clusters else points
