"""The parts of the recommendations against slow oracles written from their definitions."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shopmine.mining.recommendations.config import RecommendationsConfig
from shopmine.mining.recommendations.evaluation import find_targets, measure_ranking, product_novelty, split_history
from shopmine.mining.recommendations.factorisation import contributions, fit_factors, fold_in
from shopmine.mining.recommendations.history import History
from shopmine.mining.recommendations.selection import Ranking, blocks, select_top
from shopmine.mining.recommendations.similarity import fit_similarity
from unit.mining.purchases import PURCHASES, Purchase, interactions_of
from unit.mining.shop_of_lines import DAY

TODAY = np.datetime64(DAY, "D")
VALUES = st.sampled_from([-math.inf, -1.0, 0.0, 0.25, 0.5, 1.0, 2.0])


def history_of(purchases: list[Purchase]) -> History:
    return History.of(interactions_of(purchases), TODAY)


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(1, 70)), elements=VALUES), st.integers(1, 12))
def test_the_best_of_each_row_come_in_order_and_ties_by_index(scores: np.ndarray, k: int) -> None:
    expected = []
    for row, values in enumerate(scores.tolist()):
        order = sorted((c for c, v in enumerate(values) if v > 0), key=lambda c: (-values[c], c))[:k]
        expected += [(row + 3, column, rank, values[column]) for rank, column in enumerate(order)]
    found = select_top(scores, k, first_row=3)
    assert list(zip(*(x.tolist() for x in (found.row, found.column, found.rank, found.score)), strict=True)) == expected


@given(st.integers(0, 5000), st.integers(0, 10**7))
def test_blocks_cover_every_row_once(n_rows: int, n_columns: int) -> None:
    rows = [row for block in blocks(n_rows, n_columns) for row in (block.start, block.stop)]
    assert rows[:1] == ([0] if n_rows else [])
    assert rows[-1:] == ([n_rows] if n_rows else [])
    assert rows[1:-1:2] == rows[2::2]


@settings(deadline=None)
@given(PURCHASES, st.floats(0, 1), st.floats(0, 1), st.floats(0, 10), st.integers(1, 7))
def test_similarity_equals_its_formula(purchases: list[Purchase], g: float, b: float, shrinkage: float, k: int) -> None:
    history = history_of(purchases)
    config = RecommendationsConfig(history_exponent=g, candidate_exponent=b, shrinkage=shrinkage, n_neighbors=k)
    found = fit_similarity(history.counts, config).speaks_for.toarray()
    buyers = {p: {c for c, q, _ in purchases if q == p} for p in history.products}
    sizes = Counter(c for c, _ in {(c, p) for c, p, _ in purchases})
    frequency = {c: 1 / math.log1p(n) for c, n in sizes.items()}
    popularity = {p: sum(frequency[c] for c in who) for p, who in buyers.items()}
    expected = np.zeros_like(found)
    for (j, bought), (i, candidate) in permutations(enumerate(history.products), 2):
        together = sum(frequency[c] for c in sorted(buyers[bought] & buyers[candidate]))
        expected[j, i] = together / (popularity[bought] ** g * popularity[candidate] ** b + shrinkage)
    for i in range(len(expected)):
        kept = np.sort(expected[:, i])[::-1][:k]
        np.testing.assert_allclose(np.sort(found[:, i])[::-1][:k][: len(kept)], kept, rtol=1e-9, atol=1e-12)
        assert (found[:, i] > 0).sum() <= k
    kept_places = found > 0
    np.testing.assert_allclose(found[kept_places], expected[kept_places], rtol=1e-9)


@settings(deadline=None)
@given(PURCHASES, st.integers(1, 15))
def test_history_equals_counting(purchases: list[Purchase], days: int) -> None:
    history = history_of(purchases)
    distinct = set(purchases)
    counts, recent, last = history.counts.toarray(), history.decayed(10.0).toarray(), history.last_bought().toarray()
    buyers = history.buyers(days)
    for column, product in enumerate(history.products):
        assert buyers[column] == len({c for c, p, ago in distinct if p == product and ago < days})
        for row, customer in enumerate(history.customers):
            ages = [ago for c, p, ago in distinct if (c, p) == (customer, product)]
            assert counts[row, column] == len(ages)
            assert recent[row, column] == pytest.approx(sum(0.5 ** (ago / 10) for ago in ages))
            assert last[row, column] == (1 + min(ages) if ages else 0)
    order = np.argsort(-history.popularity(days), kind="stable")
    keys = [(history.buyers(days)[i], history.buyers(4 * days)[i], history.buyers()[i]) for i in order]
    assert keys == sorted(keys, reverse=True)


@settings(deadline=None)
@given(PURCHASES, st.sampled_from(["for_you", "discover", "buy_again"]), st.integers(1, 4), st.randoms())
def test_figures_equal_their_definitions(purchases: list[Purchase], which: str, k: int, random: object) -> None:
    split = split_history(interactions_of(purchases), TODAY, 5)
    if split is None:
        return
    history, later = split
    n_days = int((TODAY - history.day).astype(int))
    known = {c: {p for x, p, ago in purchases if x == c and ago >= n_days} for c in history.customers}
    wanted = {c: {p for x, p, ago in purchases if x == c and ago < n_days} for c in history.customers}
    if which != "for_you":
        wanted = {c: {p for p in t if (p in known[c]) == (which == "buy_again")} for c, t in wanted.items()}
    customers = [c for c in history.customers if wanted[c]]
    targets = find_targets(history, later, which)
    assert history.customers[targets.customers].tolist() == customers
    assert targets.totals.tolist() == [len(wanted[c]) for c in customers]

    lists = [random.sample(range(len(history.products)), random.randint(0, len(history.products))) for _ in customers]  # type: ignore[attr-defined]
    entries = [(row, column, rank) for row, columns in enumerate(lists) for rank, column in enumerate(columns)]
    row, column, rank = np.array(entries, dtype=np.int64).reshape(-1, 3).T
    novelty = product_novelty(history)
    found = measure_ranking(Ranking(row=row, column=column, rank=rank, score=np.ones(len(row))), targets, k, novelty)
    for number, (customer, columns) in enumerate(zip(customers, lists, strict=True)):
        hits = [history.products[column] in wanted[customer] for column in columns[:k]]
        gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted[customer]))))
        assert found[f"recall@{k}"][number] == pytest.approx(sum(hits) / len(wanted[customer]))
        assert found[f"ndcg@{k}"][number] == pytest.approx(gain / ideal)
        surprise = [
            -math.log2(sum(history.products[c] in bought for bought in known.values()) / len(known))
            for c in columns[:k]
        ]
        assert found[f"novelty@{k}"][number] == pytest.approx(sum(surprise) / max(len(surprise), 1))
        assert found[f"hit_rate@{k}"][number] == float(any(hits))


def test_contributions_add_up_to_the_score_of_the_factorisation() -> None:
    rng = np.random.default_rng(3)
    purchases = [(f"c{c:02}", f"p{p:02}", int(rng.integers(0, 90))) for c in range(40) for p in rng.choice(30, 6)]
    history = history_of(purchases)
    config = RecommendationsConfig(n_factors=8, regularization=0.7, confidence=3.0)
    weights = history.decayed(30.0)
    products = fit_factors(weights, config)
    assert products.tobytes() == fit_factors(weights, config).tobytes()
    customers = fold_in(products, weights, config)
    gram = products.astype(np.float64).T @ products.astype(np.float64)
    targets = np.arange(len(history.products))
    for customer in range(5):
        row = weights[customer]
        parts = contributions(gram, (products[row.indices], products[targets]), row.data, config)
        np.testing.assert_allclose(parts.sum(axis=1), products @ customers[customer], atol=2e-3)


def test_a_history_that_is_too_short_is_not_split() -> None:
    assert split_history(interactions_of([("a", "P", n) for n in range(4)]), TODAY, 30) is None
    assert split_history(interactions_of([("a", "P", 40)]), TODAY, 30) is None
    split = split_history(interactions_of([("a", "P", n) for n in range(50)]), TODAY, 30)
    assert split is not None
    assert split[0].interactions.n_events == 40
    assert split[1].n_events == 10
