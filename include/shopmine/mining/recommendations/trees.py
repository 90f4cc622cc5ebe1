"""Boosted trees as flat arrays: the same answers as the library that grew them, stored without pickle, and opened up by path.

Source: Friedman (2001) for gradient boosting; Saabas (2014) for what each split on an entry's path adds to its score.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.mining.recommendations.kernels import compiled

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
_LEAF: Final = -1
_NO_CHILD: Final = 0
_ROWS: Final = 256


class Trees(NamedTuple):
    """Nodes of all trees, one tree after the other, each root first.

    Attributes:
        roots: (n_trees,) place of each root.
        feature: (n_nodes,) what a node looks at; −1 in a leaf.
        threshold: (n_nodes,) values up to it go to `left`, others to `right`.
        left, right: (n_nodes,) places of the children.
        value: (n_nodes,) mean of the leaves below, weighted by their training rows; the leaf's own value in a leaf.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: Floats
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: Floats

    def frame(self) -> pa.Table:
        """One row a node; `is_root` marks where a tree begins."""
        is_root = np.zeros(len(self.feature), dtype=bool)
        is_root[self.roots] = True
        columns = {name: getattr(self, name) for name in self._fields if name != "roots"}
        return pa.table({"is_root": is_root, **columns})

    @classmethod
    def from_frame(cls, frame: pa.Table) -> Trees:
        """The inverse of `frame`."""
        roots = np.flatnonzero(frame["is_root"].to_numpy()).astype(np.int32)
        return cls(roots, **{name: frame[name].to_numpy() for name in cls._fields if name != "roots"})

    def score(self, features: Features) -> Floats:
        """(n,) sum of the leaves that each of (n, n_features) rows falls into."""
        scores = np.zeros(len(features))
        _add_leaves(self, np.ascontiguousarray(features), scores)
        return scores

    def contributions(self, features: Features, group: npt.NDArray[np.int32], n_groups: int) -> Floats:
        """(n, n_groups) what the splits on each group's features add on a row's paths; with the roots' values, the score.

        Args:
            features: (n, n_features).
            group: (n_features,) the group of each feature, from 0.
            n_groups: number of groups.
        """
        added = np.zeros((len(features), n_groups))
        _add_splits(self, np.ascontiguousarray(features), group, added)
        return added


def flatten_trees(model: Any) -> Trees:
    """The trees of a fitted `HistGradientBoostingClassifier` of two classes, without categories.

    The library keeps a leaf's value only; an inner node gets the mean of its leaves, so that a path can be read.
    """
    parts: dict[str, list[Any]] = {name: [] for name in Trees._fields}
    start = 0
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        parts["roots"].append([start])
        parts["feature"].append(np.where(is_leaf, _LEAF, nodes["feature_idx"]))
        parts["threshold"].append(np.where(is_leaf, 0.0, nodes["num_threshold"]))
        for side in ("left", "right"):
            parts[side].append(np.where(is_leaf, _NO_CHILD, nodes[side].astype(np.int64) + start))
        parts["value"].append(_means(nodes, is_leaf))
        start += len(nodes)
    joined = {name: np.concatenate(part) for name, part in parts.items()}
    whole = {name: joined[name].astype(np.int32) for name in ("roots", "feature", "left", "right")}
    return Trees(**whole, threshold=joined["threshold"], value=joined["value"])


def _means(nodes: Any, is_leaf: npt.NDArray[np.bool_]) -> Floats:
    """Values of a tree's nodes; children stand behind their parents, so one pass from the end fills all."""
    value = np.where(is_leaf, nodes["value"], 0.0)
    count = nodes["count"].astype(np.float64)
    for place in np.flatnonzero(~is_leaf)[::-1].tolist():
        left, right = int(nodes["left"][place]), int(nodes["right"][place])
        value[place] = (value[left] * count[left] + value[right] * count[right]) / (count[left] + count[right])
    return np.asarray(value)


@compiled
def _add_leaves(trees: Trees, features: Features, scores: Floats) -> None:
    roots, feature, threshold, left, right, value = trees
    # Some rows at a time, tree by tree: a tree stays in the cache for all of them.
    for start in range(0, len(features), _ROWS):
        for root in roots:
            for row in range(start, min(start + _ROWS, len(features))):
                node = root
                while feature[node] >= 0:
                    node = left[node] if features[row, feature[node]] <= threshold[node] else right[node]
                scores[row] += value[node]


@compiled
def _add_splits(trees: Trees, features: Features, group: npt.NDArray[np.int32], added: Floats) -> None:
    roots, feature, threshold, left, right, value = trees
    for row in range(len(features)):
        for root in roots:
            node = root
            while feature[node] >= 0:
                looked_at = feature[node]
                child = left[node] if features[row, looked_at] <= threshold[node] else right[node]
                added[row, group[looked_at]] += value[child] - value[node]
                node = child
