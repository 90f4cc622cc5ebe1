"""How good the segments are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shopmine.mining.contract import Metric, MiningInputs, metrics_table
from shopmine.mining.segments.model import Segments, feature_values
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    import pyarrow as pa


def evaluate_segments(model: Segments, inputs: MiningInputs) -> pa.Table:
    """Figures of the segments for the customers in `inputs`.

    Returns:
        Rows of `published.metrics`: `silhouette` (in [−1, 1]; over `n_sampled` customers at most), `stability` (mean
        adjusted Rand index under resampling), `largest_share` (its baseline is that of equal segments), `n_clusters`.
    """
    _, values = feature_values(inputs, model.config)
    labels = model.memberships(values).argmax(axis=1)
    share = np.bincount(labels, minlength=len(model.centroids)) / len(labels)
    figures = [
        Metric(model="segments", metric="silhouette", value=_silhouette(model, values, labels), baseline=0.0),
        Metric(model="segments", metric="stability", value=model.stability, baseline=0.0),
        Metric(model="segments", metric="largest_share", value=float(share.max()), baseline=1 / len(share)),
        Metric(model="segments", metric="n_clusters", value=float(len(share))),
    ]
    return metrics_table(figures, model.day)


def _silhouette(model: Segments, values: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.metrics import silhouette_score

    points = model.scaled(values)
    if len(points) > model.config.n_sampled:
        rng = np.random.default_rng(model.config.seed)
        chosen = np.sort(rng.choice(len(points), model.config.n_sampled, replace=False))
        points, labels = points[chosen], labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return 0.0
    with single_thread("sklearn.metrics"):
        return float(silhouette_score(points, labels))
