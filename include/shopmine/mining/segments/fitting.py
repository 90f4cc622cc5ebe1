"""Fitting the segments: scale, choose the number, cluster, put in order, name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shopmine.errors import ConfigError
from shopmine.mining.contract import MiningInputs, NotEnoughDataError
from shopmine.mining.segments.clustering import Clustering, choose_n_clusters, cluster_points, stability_of
from shopmine.mining.segments.identities import identify_segments
from shopmine.mining.segments.model import Matrix, Segments, feature_values, transformed
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.segments.config import SegmentsConfig


def fit_segments(inputs: MiningInputs, config: SegmentsConfig, *, previous: Segments | None = None) -> Segments:
    """Put the customers of a training day into segments.

    Args:
        inputs: `customer_features` as of the training day; one row a customer, in any order.
        config: settings.
        previous: the model of the previous training day: its segment ids are carried on where a segment goes on.

    Returns:
        Segments, without `previous` numbered from the highest spending down, so that equal customers give equal segments.

    Raises:
        NotEnoughDataError: there are too few customers, or they are all alike.
        DataError: a feature is missing or has nulls.
        ConfigError: `n_clusters` is more than there are distinct customers.
    """
    _, values = feature_values(inputs, config)
    if len(values) < config.min_customers:
        raise NotEnoughDataError(f"{len(values)} customers are too few for segments; they need {config.min_customers}")
    shaped = transformed(values, config.transform)
    spread = shaped.std(axis=0)
    shift, scale = shaped.mean(axis=0), np.where(spread > 0, spread, 1.0)
    points = (shaped - shift) / scale
    # Customers sorted by value, not by id: equal behaviour gives equal segments whatever the customers are called.
    points = points[np.lexsort(points.T[::-1])]
    n_distinct = len(np.unique(points, axis=0))
    if n_distinct < 2:
        raise NotEnoughDataError(
            f"all {len(values)} customers are alike in {list(config.features)}; there is nothing to tell apart"
        )
    with single_thread("sklearn.cluster", "sklearn.metrics"):
        clustering, stability = _cluster(points, n_distinct, config)
    fitted = Segments(
        config=config,
        day=inputs.day,
        shift=shift,
        scale=scale,
        centroids=_ordered(clustering.centroids, config),
        temperature=max(2 * clustering.inertia / points.size, np.finfo(np.float64).tiny),
        stability=stability,
        segments=(),
    )
    return replace(fitted, segments=identify_segments(fitted, previous, inputs.day))


def _cluster(points: Matrix, n_distinct: int, config: SegmentsConfig) -> tuple[Clustering, float]:
    if config.n_clusters is None:
        n_clusters, stability = choose_n_clusters(points, config)
    elif config.n_clusters > n_distinct:
        raise ConfigError(f"n_clusters={config.n_clusters} is more than the {n_distinct} distinct customers; lower it")
    else:
        n_clusters, stability = config.n_clusters, stability_of(points, config.n_clusters, config)
    return cluster_points(points, n_clusters, n_init=config.n_init, seed=config.seed), stability


def _ordered(centroids: Matrix, config: SegmentsConfig) -> Matrix:
    """Highest spend first (else highest last feature), then by the other features."""
    lead = config.features.index("spend") if "spend" in config.features else len(config.features) - 1
    keys = [-centroids[:, i] for i in range(centroids.shape[1]) if i != lead] + [-centroids[:, lead]]
    return np.ascontiguousarray(centroids[np.lexsort(keys)])
