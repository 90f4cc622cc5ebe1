"""Signals of several kinds against their formula, and lists made anew only where something changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shopmine.errors import ConfigError, DataError
from shopmine.mining.recommendations.incremental import Asked, refresh_top_products
from shopmine.mining.recommendations.neighbors import SimilarityConfig, find_neighbors
from shopmine.mining.recommendations.scores import scores_by_products
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.signals import KINDS, Signals, SignalsConfig, weigh_signals

SIGNAL = st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from(KINDS), st.integers(1, 5), st.integers(0, 90))


def signals_of(rows: list[tuple[int, int, str, int, int]]) -> Signals:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return Signals(
        customer=np.array(columns[0], dtype=np.int64),
        product=np.array(columns[1], dtype=np.int64),
        kind=np.array(columns[2], dtype=object),
        value=np.array(columns[3], dtype=np.float64),
        age_days=np.array(columns[4], dtype=np.float64),
    )


@settings(deadline=None)
@given(st.lists(SIGNAL, max_size=20), st.sampled_from([0.0, 30.0]), st.randoms(use_true_random=False))
def test_signals_add_up_by_their_formula_in_any_order(
    rows: list[tuple[int, int, str, int, int]], half_life: float, random: object
) -> None:
    config = SignalsConfig(half_life_days=half_life)
    found = weigh_signals(signals_of(rows), (4, 5), config)
    expected = np.zeros((4, 5))
    for customer, product, kind, value, age in rows:
        points = value - config.neutral_rating if kind == "rating" else value
        expected[customer, product] += getattr(config, kind) * points * (0.5 ** (age / half_life) if half_life else 1)
    np.testing.assert_allclose(found.toarray(), np.maximum(expected, 0), atol=1e-12)
    again = weigh_signals(signals_of(random.sample(rows, len(rows))), (4, 5), config)  # type: ignore[attr-defined]
    assert found.data.tobytes() == again.data.tobytes()
    assert found.indices.tolist() == again.indices.tolist()


def test_signals_that_cannot_be_weighed_are_named() -> None:
    with pytest.raises(DataError, match=r"signals are of kinds \['stare'\]; the kinds are"):
        weigh_signals(signals_of([(0, 0, "stare", 1, 0)]), (1, 1), SignalsConfig())
    with pytest.raises(DataError, match="1 of 1 signals have no finite value or are of a later day"):
        weigh_signals(signals_of([(0, 0, "view", 1, -1)]), (1, 1), SignalsConfig())
    with pytest.raises(ConfigError, match="half_life_days=-1 is not a number from 0 on"):
        SignalsConfig(half_life_days=-1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=25),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), max_size=4),
    st.booleans(),
    st.integers(1, 4),
)
def test_an_incremental_run_equals_a_full_one(
    old: list[tuple[int, int]], new: list[tuple[int, int]], is_trained_anew: bool, k: int
) -> None:
    def matrix(pairs: list[tuple[int, int]]) -> sparse.csr_matrix:
        n_customers = max(6, *(1 + c for c, _ in pairs)) if pairs else 6
        cells = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2).T
        return sparse.csr_matrix((np.ones(cells.shape[1]), tuple(cells)), shape=(n_customers, 6))

    def asked(pairs: list[tuple[int, int]], trained_on: list[tuple[int, int]]) -> Asked:
        bought = matrix(pairs)
        near = find_neighbors(matrix(trained_on), "products", SimilarityConfig(n_neighbors=3))
        return Asked(scores=scores_by_products(bought, near), skipped=bought, k=k)

    earlier, now = asked(old, old), asked(old + new, old + new if is_trained_anew else old)
    lists, full = (Ranking.concatenate(list(a.scores.top_products(k, skipped=a.skipped))) for a in (earlier, now))
    found = refresh_top_products(earlier, lists, now)
    for name in ("row", "column", "rank", "score"):
        assert getattr(found, name).tobytes() == getattr(full, name).tobytes()
