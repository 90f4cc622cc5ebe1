"""The ranking's trees as flat arrays give what the library gives, and open up without a rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from shopmine.errors import ConfigError
from shopmine.mining.recommendations.config import RecommendationsConfig
from shopmine.mining.recommendations.pair_features import FEATURES
from shopmine.mining.recommendations.ranker import Examples, fit_ranker
from shopmine.mining.recommendations.trees import Trees, flatten_trees


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_flat_trees_score_as_the_library_and_their_splits_add_up(seed: int, n_trees: int) -> None:
    rng = np.random.default_rng(seed)
    features = np.round(rng.normal(size=(300, 4)), 1).astype(np.float32)
    labels = features[:, 0] * features[:, 1] + rng.normal(size=300) > 0
    model = HistGradientBoostingClassifier(max_iter=n_trees, max_leaf_nodes=6, early_stopping=False, random_state=0)
    model.fit(features, labels)
    trees = flatten_trees(model)
    baseline = float(np.ravel(model._baseline_prediction)[0])
    np.testing.assert_allclose(trees.score(features) + baseline, model.decision_function(features), rtol=0, atol=1e-12)
    added = trees.contributions(features, np.array([0, 0, 1, 2], dtype=np.int32), 3)
    roots = trees.value[trees.roots].sum()
    np.testing.assert_allclose(added.sum(axis=1) + roots, trees.score(features), rtol=0, atol=1e-12)
    back = Trees.from_frame(trees.frame())
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(back, trees, strict=True))


def test_a_sample_of_what_was_not_bought_leaves_the_probability_right() -> None:
    rng = np.random.default_rng(1)
    features = np.zeros((40_000, len(FEATURES)), dtype=np.float32)
    features[:, 0] = rng.integers(0, 3, len(features))
    is_bought = rng.random(len(features)) < 0.02 + 0.08 * features[:, 0]
    kept = is_bought | (rng.random(len(features)) < 0.2)
    weight = np.where(is_bought, 1.0, 5.0)
    examples = Examples(features=features, is_bought=is_bought, weight=weight, is_new=~is_bought).only(kept)
    ranker = fit_ranker(examples, RecommendationsConfig(n_trees=60, learning_rate=0.2))
    assert ranker is not None
    score = ranker.score(features)
    for value, share in enumerate((0.02, 0.10, 0.18)):
        assert score[features[:, 0] == value].mean() == pytest.approx(share, abs=0.01)
    assert fit_ranker(examples.only(np.arange(len(kept[kept])) < 40), RecommendationsConfig()) is None


@pytest.mark.parametrize("n_leaves", [2, 15, 64])
def test_many_rows_at_once_fall_into_the_leaves_that_they_reach_one_by_one(n_leaves: int) -> None:
    rng = np.random.default_rng(n_leaves)
    features = np.round(rng.normal(size=(5000, 6)), 2).astype(np.float32)
    labels = features[:, 0] * features[:, 1] + rng.normal(size=len(features)) > 0
    model = HistGradientBoostingClassifier(
        max_iter=8, max_leaf_nodes=n_leaves, early_stopping=False, min_samples_leaf=2
    )
    trees = flatten_trees(model.fit(features, labels))
    rows = features[:301]  # Blocks of rows do not divide it.
    # Values just at, above and below the thresholds; and what is no number goes to the right.
    at = rng.integers(0, len(trees.feature), len(rows))
    edge = np.nextafter(
        trees.threshold[at].astype(np.float32), rng.choice([-np.inf, np.inf], len(at)).astype(np.float32)
    )
    rows[np.arange(len(rows)), np.maximum(trees.feature[at], 0)] = np.where(
        rng.random(len(at)) < 0.5, edge, trees.threshold[at]
    )
    rows[7, 0] = np.nan
    group = np.arange(6, dtype=np.int32)
    expected, added = np.zeros(len(rows)), np.zeros((len(rows), 6))
    for row, values in enumerate(rows):
        for root in trees.roots:
            node = root
            while trees.feature[node] >= 0:
                looked_at = trees.feature[node]
                child = trees.left[node] if float(values[looked_at]) <= trees.threshold[node] else trees.right[node]
                added[row, looked_at] += trees.value[child] - trees.value[node]
                node = child
            expected[row] += trees.value[node]
    assert (trees.score(rows) == expected).all()
    assert (trees.contributions(rows, group, 6) == added).all()


def test_trees_of_more_leaves_than_bits_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_leaves=65 is outside"):
        RecommendationsConfig(n_leaves=65)
