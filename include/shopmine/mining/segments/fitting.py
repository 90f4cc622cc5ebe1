"""Fitting the segments: scale, choose the number, cluster, put in order, name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shopmine.mining.contract import MiningInputs, NotEnoughDataError
from shopmine.mining.segments.clustering import choose_n_clusters, cluster_points, keep_n_clusters, stability_of
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
        previous: the model of the previous training day: its segment ids, and how many segments there are, are carried on.

    Returns:
        Segments, without `previous` numbered from the highest spending down, so that equal customers give equal segments.

    Raises:
        NotEnoughDataError: there are too few customers, they are all alike, or more alike than `n_clusters` allows.
        DataError: a feature is missing or has nulls.
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
    if config.n_clusters is not None and config.n_clusters > n_distinct:
        raise NotEnoughDataError(f"n_clusters={config.n_clusters} is more than the {n_distinct} distinct customers")
    with single_thread("sklearn.cluster", "sklearn.metrics"):
        n_clusters, stability, n_customers_chosen = _n_clusters(points, config, previous)
        clustering = cluster_points(points, n_clusters, n_init=config.n_init, seed=config.seed)
    fitted = Segments(
        config=config,
        day=inputs.day,
        shift=shift,
        scale=scale,
        centroids=_ordered(clustering.centroids, config),
        temperature=max(2 * clustering.inertia / points.size, np.finfo(np.float64).tiny),
        stability=stability,
        n_customers_chosen=n_customers_chosen,
        n_ids=0,
        segments=(),
    )
    segments = identify_segments(fitted, previous, inputs.day)
    n_ids = max(int(segment.segment) for segment in segments)
    return replace(fitted, segments=segments, n_ids=max(n_ids, previous.n_ids if previous else 0))


def _n_clusters(points: Matrix, config: SegmentsConfig, previous: Segments | None) -> tuple[int, float, int]:
    """How many segments, how stable that is, and with how many customers it was chosen."""
    if config.n_clusters is not None:
        return config.n_clusters, stability_of(points, config.n_clusters, config), len(points)
    if previous is not None and previous.config == config:
        kept, chosen = len(previous.centroids), previous.n_customers_chosen
        if len(points) < chosen * config.review_growth:
            stability = keep_n_clusters(points, kept, config)
            if stability is not None:
                return kept, stability, chosen
    return (*choose_n_clusters(points, config), len(points))


def _ordered(centroids: Matrix, config: SegmentsConfig) -> Matrix:
    """Highest spend first (else highest last feature), then by the other features."""
    lead = config.features.index("spend") if "spend" in config.features else len(config.features) - 1
    keys = [-centroids[:, i] for i in range(centroids.shape[1]) if i != lead] + [-centroids[:, lead]]
    return np.ascontiguousarray(centroids[np.lexsort(keys)])
