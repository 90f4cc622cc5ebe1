"""Boosted trees as flat arrays: the same answers as the library that grew them, stored without pickle, and opened up by path.

Source: Friedman (2001) for gradient boosting; Saabas (2014) for what each split on an entry's path adds to its score; Lucchese et
al. (2015), QuickScorer, for finding the leaves of many rows at once, without a branch that depends on the data.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.mining.recommendations.config import MOST_LEAVES
from shopmine.mining.recommendations.kernels import compiled
from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
_LEAF: Final = -1
_NO_CHILD: Final = 0
_ROWS: Final = 128
_ROWS_A_THREAD: Final = 16_384
_ALL: Final = np.uint64(2**64 - 1)
_ONE: Final = np.uint64(1)
# Multiplied by a single bit, the six highest bits of this are another number for each bit.
_DE_BRUIJN: Final = np.uint64(0x03F79D71B4CB0A89)
_SHIFT: Final = np.uint64(58)


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
        scores, rows = np.zeros(len(features)), np.ascontiguousarray(features)
        layout = _lay_out(self, _rounded_down(self.threshold))
        _in_threads(lambda part: _add_leaves(self, layout, rows[part], scores[part]), len(rows))
        return scores

    def contributions(self, features: Features, group: npt.NDArray[np.int32], n_groups: int) -> Floats:
        """(n, n_groups) what the splits on each group's features add on a row's paths; with the roots' values, the score.

        Args:
            features: (n, n_features).
            group: (n_features,) the group of each feature, from 0.
            n_groups: number of groups.
        """
        added, rows = np.zeros((len(features), n_groups)), np.ascontiguousarray(features)
        layout = _lay_out(self, _rounded_down(self.threshold))
        steps = _find_steps(self, group)
        _in_threads(lambda part: _add_steps(self, layout, steps, rows[part], added[part]), len(rows))
        return added


class Layout(NamedTuple):
    """Trees as the kernels read them: a row goes to the first leaf of a tree that none of its inner nodes rules out.

    Attributes:
        threshold: (n_nodes,) in the features' own precision, compared with the same outcome.
        kept: (n_nodes,) of an inner node: which leaves of its tree, from left to right, a row may still reach that is above it.
        leaf: (n_trees, 64) node of each leaf, at the place that `_place` gives to the leaf's bit.
    """

    threshold: npt.NDArray[np.float32]
    kept: npt.NDArray[np.uint64]
    leaf: npt.NDArray[np.int32]


class Steps(NamedTuple):
    """What leads to each leaf, from the root: `start[node]` to `start[node + 1]`.

    Attributes:
        start: (n_nodes + 1,) nothing for an inner node.
        group: (n_steps,) of the feature that is looked at.
        added: (n_steps,) what the step adds to the value.
    """

    start: npt.NDArray[np.int64]
    group: npt.NDArray[np.int32]
    added: Floats


def _rounded_down(threshold: Floats) -> npt.NDArray[np.float32]:
    """The largest single that is not above each: a single is up to the one exactly when it is up to the other."""
    single = threshold.astype(np.float32)
    below = np.nextafter(single, np.float32(-np.inf))
    return np.where(single > threshold, below, single).astype(np.float32)


def _in_threads(work: Callable[[slice], None], n_rows: int) -> None:
    """Every row is worked on by one thread alone: any number of threads gives the same bytes."""
    parts = [slice(start, min(start + _ROWS_A_THREAD, n_rows)) for start in range(0, n_rows, _ROWS_A_THREAD)]
    with ThreadPoolExecutor(DEFAULT_LIMITS.threads) as pool:
        for _ in pool.map(work, parts):
            pass


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
def _place(bit: np.uint64) -> np.uint64:
    """Another number below 64 for each single bit."""
    return np.uint64(bit * _DE_BRUIJN) >> _SHIFT


@compiled
def _lay_out(trees: Trees, threshold: npt.NDArray[np.float32]) -> Layout:
    roots, feature, _, left, right, _ = trees
    n = len(feature)
    size, first = np.ones(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    kept, leaf = np.zeros(n, dtype=np.uint64), np.zeros((len(roots), MOST_LEAVES), dtype=np.int32)
    # Children stand behind their parents: sizes are known from the end, places from the beginning.
    for node in range(n - 1, -1, -1):
        if feature[node] >= 0:
            size[node] = size[left[node]] + size[right[node]]
    tree = -1
    for node in range(n):
        if tree + 1 < len(roots) and node == roots[tree + 1]:
            tree += 1
        if feature[node] < 0:
            leaf[tree, _place(_ONE << first[node])] = node
            continue
        first[left[node]], first[right[node]] = first[node], first[node] + size[left[node]]
        kept[node] = ~(((_ONE << size[left[node]]) - _ONE) << first[node])
    return Layout(threshold, kept, leaf)


@compiled
def _find_steps(trees: Trees, group: npt.NDArray[np.int32]) -> Steps:
    _, feature, _, left, right, value = trees
    n = len(feature)
    parent, depth = np.full(n, -1), np.zeros(n, dtype=np.int64)
    start = np.zeros(n + 1, dtype=np.int64)
    for node in range(n):
        if feature[node] >= 0:
            for child in (left[node], right[node]):
                parent[child], depth[child] = node, depth[node] + 1
        start[node + 1] = start[node] + (depth[node] if feature[node] < 0 else 0)
    groups, added = np.zeros(start[n], dtype=np.int32), np.zeros(start[n])
    for node in range(n):
        step = node
        for place in range(start[node + 1] - 1, start[node] - 1, -1):
            above = parent[step]
            groups[place], added[place] = group[feature[above]], value[step] - value[above]
            step = above
    return Steps(start, groups, added)


@compiled
def _turn(features: Features, start: int, columns: Features) -> int:
    """Some rows from `start` on by columns, so that a node is compared with all of them at once; returns how many they are."""
    n: int = min(columns.shape[1], len(features) - start)
    for row in range(n):
        for column in range(len(columns)):
            columns[column, row] = features[start + row, column]
    return n


@compiled
def _reach(trees: Trees, layout: Layout, tree: int, columns: Features, bits: npt.NDArray[np.uint64]) -> None:
    """The leaves of a tree that no node rules out for each row; the lowest bit is the leaf that the row falls into."""
    end = trees.roots[tree + 1] if tree + 1 < len(trees.roots) else len(trees.feature)
    bits[:] = _ALL
    for node in range(trees.roots[tree], end):
        if trees.feature[node] < 0:
            continue
        values, threshold, kept = columns[trees.feature[node]], layout.threshold[node], layout.kept[node]
        for row in range(len(bits)):
            bits[row] &= _ALL if values[row] <= threshold else kept


@compiled
def _add_leaves(trees: Trees, layout: Layout, features: Features, scores: Floats) -> None:
    columns = np.zeros((features.shape[1], _ROWS), dtype=np.float32)
    bits = np.zeros(_ROWS, dtype=np.uint64)
    for start in range(0, len(features), _ROWS):
        n = _turn(features, start, columns)
        for tree in range(len(trees.roots)):
            _reach(trees, layout, tree, columns, bits)
            leaf = layout.leaf[tree]
            for row in range(n):
                scores[start + row] += trees.value[leaf[_place(bits[row] & (~bits[row] + _ONE))]]


@compiled
def _add_steps(trees: Trees, layout: Layout, steps: Steps, features: Features, added: Floats) -> None:
    columns = np.zeros((features.shape[1], _ROWS), dtype=np.float32)
    bits = np.zeros(_ROWS, dtype=np.uint64)
    for start in range(0, len(features), _ROWS):
        n = _turn(features, start, columns)
        for tree in range(len(trees.roots)):
            _reach(trees, layout, tree, columns, bits)
            for row in range(n):
                leaf = layout.leaf[tree, _place(bits[row] & (~bits[row] + _ONE))]
                for step in range(steps.start[leaf], steps.start[leaf + 1]):
                    added[start + row, steps.group[step]] += steps.added[step]
