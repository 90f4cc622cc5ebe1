"""Neighbours, scores and predicted ratings against slow implementations of their formulas, and what must never change them."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shopmine.errors import ConfigError, DataError
from shopmine.mining.recommendations.neighbors import USER_IIF, Neighbors, SimilarityConfig, find_neighbors
from shopmine.mining.recommendations.ratings import RatingsConfig, fit_baselines, predict_ratings
from shopmine.mining.recommendations.scores import scores_by_customers, scores_by_products, told_customers
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import Limits, top_of_product

Cells = dict[tuple[int, int], float]
SIDES = st.sampled_from(["customers", "products"])
CONFIGS = st.builds(
    SimilarityConfig,
    measure=st.sampled_from(["cosine", "pearson", "msd"]),
    n_neighbors=st.integers(1, 6),
    feature_weight=st.sampled_from(["none", "inverse_log"]),
    is_norm_weighted=st.booleans(),
    own_exponent=st.sampled_from([0.5, 0.6]),
    other_exponent=st.sampled_from([0.5, 0.4]),
    shrinkage=st.sampled_from([0.0, 2.5]),
    significance=st.sampled_from([0.0, 3.0]),
    min_overlap=st.integers(1, 3),
    max_occurrences=st.sampled_from([0, 4]),
)


@st.composite
def matrices(draw: st.DrawFn, values: tuple[float, ...] = (1.0, 2.0, 3.0, 4.5)) -> sparse.csr_matrix:
    n_customers, n_products = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    places = st.tuples(st.integers(0, n_customers - 1), st.integers(0, n_products - 1))
    cells = draw(st.dictionaries(places, st.sampled_from(values), max_size=60))
    row, column = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2).T
    return sparse.csr_matrix(
        ([cells[place] for place in sorted(cells)], (row, column)), shape=(n_customers, n_products)
    )


def cells_of(matrix: sparse.csr_matrix) -> Cells:
    found = matrix.tocoo()
    return dict(zip(zip(found.row.tolist(), found.col.tolist(), strict=True), found.data.tolist(), strict=True))


def rows_by(matrix: sparse.csr_matrix, of: str) -> list[dict[int, float]]:
    n = matrix.shape[0] if of == "customers" else matrix.shape[1]
    rows: list[dict[int, float]] = [{} for _ in range(n)]
    for (customer, product), value in cells_of(matrix).items():
        mine, feature = (customer, product) if of == "customers" else (product, customer)
        rows[mine][feature] = value
    return rows


def similarity(a: dict[int, float], b: dict[int, float], weight: dict[int, float], config: SimilarityConfig) -> float:
    common = sorted(set(a) & set(b))
    if len(common) < config.min_overlap:
        return 0.0
    total = sum(weight[f] for f in common)
    if config.measure == "cosine":
        norms = [sum((weight[f] if config.is_norm_weighted else 1.0) * v * v for f, v in x.items()) for x in (a, b)]
        together = sum(weight[f] * a[f] * b[f] for f in common)
        found = together / (norms[0] ** config.own_exponent * norms[1] ** config.other_exponent + config.shrinkage)
    elif config.measure == "msd":
        found = 1 / (1 + sum(weight[f] * (a[f] - b[f]) ** 2 for f in common) / total)
    else:
        mean_a, mean_b = (sum(weight[f] * x[f] for f in common) / total for x in (a, b))
        spreads = [sum(weight[f] * (x[f] - m) ** 2 for f in common) for x, m in ((a, mean_a), (b, mean_b))]
        together = sum(weight[f] * (a[f] - mean_a) * (b[f] - mean_b) for f in common)
        found = together / math.sqrt(spreads[0] * spreads[1]) if min(spreads) > 1e-9 else 0.0
    return found * len(common) / (len(common) + config.significance)


def oracle(matrix: sparse.csr_matrix, of: str, config: SimilarityConfig) -> list[dict[int, float]]:
    rows = rows_by(matrix, of)
    count = {f: sum(f in row for row in rows) for row in rows for f in row}
    if config.max_occurrences:
        rows = [{f: v for f, v in row.items() if count[f] <= config.max_occurrences} for row in rows]
    weight = {f: 1 / math.log(1 + n) if config.feature_weight == "inverse_log" else 1.0 for f, n in count.items()}
    return [
        {j: s for j, b in enumerate(rows) if j != i and (s := similarity(a, b, weight, config)) > 1e-9}
        for i, a in enumerate(rows)
    ]


def lists_of(neighbors: Neighbors) -> list[dict[int, float]]:
    bounds = list(pairwise(neighbors.starts.tolist()))
    return [
        dict(zip(neighbors.neighbor[a:b].tolist(), neighbors.similarity[a:b].tolist(), strict=True)) for a, b in bounds
    ]


def joined(rankings: object) -> Ranking:
    return Ranking.concatenate(list(rankings))  # type: ignore[call-overload]


def same(first: Ranking, second: Ranking) -> bool:
    return all(getattr(first, n).tobytes() == getattr(second, n).tobytes() for n in ("row", "column", "rank", "score"))


@settings(deadline=None)
@given(matrices(), SIDES, CONFIGS)
def test_neighbors_are_the_most_similar_by_the_formula(
    matrix: sparse.csr_matrix, of: str, config: SimilarityConfig
) -> None:
    before = matrix.copy()
    found = lists_of(find_neighbors(matrix, of, config))  # type: ignore[arg-type]
    assert (matrix != before).nnz == 0
    for rounded, everybody in zip(found, oracle(matrix, of, config), strict=True):
        mine = {j: s for j, s in rounded.items() if s > 1e-9}  # A correlation of 0 may be rounded to something above.
        assert set(mine) <= set(everybody)
        assert list(mine.values()) == pytest.approx([everybody[j] for j in mine], rel=1e-9)
        best = sorted(everybody.values(), reverse=True)[: config.n_neighbors]
        assert sorted(mine.values(), reverse=True) == pytest.approx(best, rel=1e-9)
        assert list(mine) == sorted(mine, key=lambda j: (-mine[j], j))


@settings(deadline=None)
@given(matrices(), SIDES, CONFIGS, st.integers(1, 4))
def test_threads_and_blocks_change_no_byte(
    matrix: sparse.csr_matrix, of: str, config: SimilarityConfig, size: int
) -> None:
    first = find_neighbors(matrix, of, config, Limits(n_threads=1))  # type: ignore[arg-type]
    second = find_neighbors(matrix, of, config, Limits(n_threads=3, block_rows=size))  # type: ignore[arg-type]
    for name in ("starts", "neighbor", "similarity"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@settings(deadline=None)
@given(matrices(), SIDES, st.integers(1, 7), st.integers(1, 12), st.booleans())
def test_scores_are_the_sums_of_the_formulas(
    matrix: sparse.csr_matrix, of: str, n_neighbors: int, k: int, is_new: bool
) -> None:
    near = find_neighbors(matrix, of, SimilarityConfig(n_neighbors=n_neighbors))  # type: ignore[arg-type]
    make = scores_by_customers if of == "customers" else scores_by_products
    scores, similar, weights = make(matrix, near), lists_of(near), cells_of(matrix)
    skipped = matrix if is_new else None
    for customer in range(matrix.shape[0]):
        block = joined(scores.top_products(k, skipped=skipped))
        found = dict(zip(block.column[block.row == customer], block.score[block.row == customer], strict=True))
        expected = {}
        for product in range(matrix.shape[1]):
            if of == "products":
                parts = [s * weights.get((customer, j), 0.0) for j, s in sorted(similar[product].items())]
            else:
                parts = [s * weights.get((v, product), 0.0) for v, s in sorted(similar[customer].items())]
            if sum(parts) > 0 and not (is_new and (customer, product) in weights):
                expected[product] = sum(parts)
        # The same additions in the same order: equal to the bit, so that ties are ties.
        order = sorted(expected, key=lambda p: (-expected[p], p))[:k]
        assert list(found.items()) == [(p, expected[p]) for p in order]


@settings(deadline=None)
@given(matrices(), SIDES, CONFIGS)
def test_both_directions_and_the_evidence_give_the_same_bits(
    matrix: sparse.csr_matrix, of: str, config: SimilarityConfig
) -> None:
    near = find_neighbors(matrix, of, config)  # type: ignore[arg-type]
    scores = (scores_by_customers if of == "customers" else scores_by_products)(matrix, near)
    products, customers = joined(scores.top_products(100)), joined(scores.top_customers(100))
    by_product = {(r, c): s for r, c, s in zip(products.row, products.column, products.score, strict=True)}
    by_customer = {(c, r): s for r, c, s in zip(customers.row, customers.column, customers.score, strict=True)}
    assert by_product == by_customer
    parts = scores.contributions(products.row, products.column)
    for number, score in enumerate(products.score.tolist()):
        assert sum(parts.data[parts.indptr[number] : parts.indptr[number + 1]].tolist()) == score
    assert scores.of_pairs(products.row, products.column).tolist() == products.score.tolist()


@settings(deadline=None)
@given(matrices(), SIDES, CONFIGS, st.randoms(use_true_random=False))
def test_permuting_customers_and_products_permutes_the_scores(
    matrix: sparse.csr_matrix, of: str, config: SimilarityConfig, random: object
) -> None:
    # All neighbours, so that no tie is cut in another place.
    config = SimilarityConfig(measure=config.measure, n_neighbors=50, significance=config.significance)
    customers, products = (np.array(random.sample(range(n), n)) for n in matrix.shape)  # type: ignore[attr-defined]
    make = scores_by_customers if of == "customers" else scores_by_products
    tables = []
    for shuffled in (matrix, sparse.csr_matrix(matrix[customers][:, products])):
        scores = make(shuffled, find_neighbors(shuffled, of, config))  # type: ignore[arg-type]
        tables.append((scores.left @ scores.right).toarray())
    np.testing.assert_allclose(tables[1], tables[0][customers][:, products], rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(matrices(), SIDES, CONFIGS, st.integers(1, 5))
def test_products_that_nobody_bought_and_customers_who_bought_nothing_change_no_list(
    matrix: sparse.csr_matrix, of: str, config: SimilarityConfig, n_more: int
) -> None:
    wider = sparse.csr_matrix(
        (matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], matrix.shape[1] + n_more)
    )
    taller = sparse.vstack([matrix, sparse.csr_matrix((n_more, matrix.shape[1]))], format="csr")
    make = scores_by_customers if of == "customers" else scores_by_products
    lists = [joined(make(x, find_neighbors(x, of, config)).top_products(5)) for x in (matrix, wider, taller)]  # type: ignore[arg-type]
    assert same(lists[0], lists[1])
    assert same(lists[0], lists[2])


@settings(deadline=None)
@given(matrices(), SIDES, st.data())
def test_some_customers_alone_get_the_bytes_of_the_full_run(
    matrix: sparse.csr_matrix, of: str, data: st.DataObject
) -> None:
    near = find_neighbors(matrix, of, SimilarityConfig(n_neighbors=4))  # type: ignore[arg-type]
    scores = (scores_by_customers if of == "customers" else scores_by_products)(matrix, near)
    rows = np.array(data.draw(st.lists(st.integers(0, matrix.shape[0] - 1), min_size=1, unique=True)))
    full = joined(scores.top_products(3))
    some = joined(top_of_product(scores.left[rows], scores.right, 3))
    for number, row in enumerate(rows):
        mine, again = full.row == row, some.row == number
        assert full.column[mine].tolist() == some.column[again].tolist()
        assert full.score[mine].tobytes() == some.score[again].tobytes()


def test_long_rows_take_the_same_places_as_short_ones() -> None:
    # More columns than fit a group, so that rows are scanned whole, with ties across groups and a tail.
    rng = np.random.default_rng(5)
    for n_columns in (16, 33, 1000):
        left = sparse.random(
            20, 30, 0.4, "csr", random_state=rng, data_rvs=lambda n: rng.integers(-1, 3, n).astype(float)
        )
        right = sparse.random(30, n_columns, 0.6, "csr", random_state=rng, data_rvs=lambda n: rng.integers(1, 3, n) / 2)
        dense = (left @ right).toarray()
        found = joined(top_of_product(left, right, 7))
        for row, values in enumerate(dense):
            order = sorted((c for c, v in enumerate(values) if v > 0), key=lambda c: (-values[c], c))[:7]
            assert found.column[found.row == row].tolist() == order
            assert found.score[found.row == row].tolist() == values[order].tolist()


def test_inverse_item_frequency_is_the_published_formula() -> None:
    matrix = sparse.csr_matrix(np.array([[1.0, 1, 0], [1, 1, 1], [1, 0, 1]]))
    found = lists_of(find_neighbors(matrix, "customers", USER_IIF))
    assert found[0][1] == pytest.approx((1 / math.log(4) + 1 / math.log(3)) / math.sqrt(2 * 3))
    assert found[0][2] == pytest.approx((1 / math.log(4)) / math.sqrt(2 * 2))


@pytest.mark.parametrize("measure", ["cosine", "pearson", "msd"])
@pytest.mark.parametrize("of", ["customers", "products"])
def test_the_smallest_and_the_largest_have_defined_results(measure: str, of: str) -> None:
    config = SimilarityConfig(measure=measure)
    single = sparse.csr_matrix(np.ones((1, 1)))
    assert lists_of(find_neighbors(single, of, config)) == [{}]  # type: ignore[arg-type]
    for shape in ((0, 0), (3, 0), (0, 3), (2, 2)):
        found = find_neighbors(sparse.csr_matrix(shape), of, config)  # type: ignore[arg-type]
        assert lists_of(found) == [{}] * shape[0 if of == "customers" else 1]
    # One basket of 10,000 lines, whose customer bought everything, and a product that everyone bought.
    row = np.concatenate([np.zeros(10_000, dtype=int), np.arange(2_000)])
    column = np.concatenate([np.arange(10_000), np.zeros(2_000, dtype=int)])
    large = sparse.csr_matrix((np.ones(12_000), (row, column)), shape=(2_000, 10_000))
    large.data[:] = 1.0
    near = find_neighbors(large, of, SimilarityConfig(measure=measure, n_neighbors=5))  # type: ignore[arg-type]
    scores = (scores_by_customers if of == "customers" else scores_by_products)(large, near)
    lists = joined(scores.top_products(10, skipped=large))
    assert not (lists.row == 0).any()  # There is nothing left to recommend to who has everything.
    # Ties go to the smaller index: by msd that is the customer, or the product, that all share something with. By cosine the
    # others are nearer to each other, and without any spread there is no correlation.
    assert (lists.rank == 0).sum() == (1_999 if measure == "msd" else 0)


def test_evidence_of_few_customers_is_not_told() -> None:
    # Six alike customers bought P; another one is alike to four only through another product.
    matrix = sparse.lil_matrix((12, 3))
    matrix[:6, 0] = matrix[:7, 1] = 1.0
    matrix[7:11, 2] = matrix[8:12, 1] = 1.0
    matrix = sparse.csr_matrix(matrix)
    scores = scores_by_customers(matrix, find_neighbors(matrix, "customers", SimilarityConfig()))
    pairs = np.array([6, 6]), np.array([0, 2])
    count, total = told_customers(scores.contributions(*pairs))
    assert count.tolist() == [6, 0]
    assert total.tolist() == scores.of_pairs(*pairs).tolist()
    assert (total > 0).all()


RATINGS = matrices(values=(1.0, 2.0, 3.0, 4.0, 5.0))


@settings(deadline=None)
@given(RATINGS, SIDES, st.integers(1, 4), st.integers(1, 3), st.sampled_from(["none", "mean", "baseline"]))
def test_predicted_ratings_equal_their_formula(
    matrix: sparse.csr_matrix, of: str, k: int, min_k: int, centre: str
) -> None:
    near = find_neighbors(matrix, of, SimilarityConfig(measure="msd", n_neighbors=99))  # type: ignore[arg-type]
    pairs = [(c, p) for c in range(matrix.shape[0]) for p in range(matrix.shape[1])]
    config = RatingsConfig(k=k, min_k=min_k, centre=centre)
    codes = np.array(pairs).T
    found = predict_ratings(matrix, near, of, (codes[0], codes[1]), config)  # type: ignore[arg-type]
    given_ratings, similar, rows = cells_of(matrix), lists_of(near), rows_by(matrix, of)
    if not given_ratings:
        assert found.tolist() == [0.0] * len(pairs)
        return
    overall = sum(given_ratings.values()) / len(given_ratings)
    mean, of_customer, of_product = fit_baselines(matrix, config)

    def around(customer: int, product: int) -> float:
        if centre == "baseline":
            return mean + float(of_customer[customer]) + float(of_product[product])
        own = rows[customer if of == "customers" else product]
        return 0.0 if centre == "none" else sum(own.values()) / len(own) if own else overall

    for (customer, product), value in zip(pairs, found.tolist(), strict=True):
        mine = customer if of == "customers" else product
        place = [(j, (j, product) if of == "customers" else (customer, j)) for j in similar[mine]]
        raters = sorted(((similar[mine][j], -j) for j, cell in place if cell in given_ratings), reverse=True)[:k]
        expected = around(customer, product)
        if len(raters) >= min_k:
            cells = [((-j, product) if of == "customers" else (customer, -j)) for _, j in raters]
            rest = [given_ratings[cell] - around(*cell) for cell in cells]
            expected += sum(s * r for (s, _), r in zip(raters, rest, strict=True)) / sum(s for s, _ in raters)
        elif centre == "none":
            expected = overall
        expected = min(max(expected, min(given_ratings.values())), max(given_ratings.values()))
        assert value == pytest.approx(expected, abs=1e-9)


def test_movielens_gives_the_published_figures(movielens_u1: Path) -> None:
    train, test = (np.loadtxt(movielens_u1 / name, dtype=np.int64) for name in ("u1.base", "u1.test"))
    ratings = sparse.csr_matrix((train[:, 2].astype(float), (train[:, 0] - 1, train[:, 1] - 1)), shape=(943, 1682))
    near = find_neighbors(ratings, "customers", SimilarityConfig(measure="msd", n_neighbors=942))
    pairs = (test[:, 0] - 1, test[:, 1] - 1)
    wrong = predict_ratings(ratings, near, "customers", pairs, RatingsConfig(k=40)) - test[:, 2]
    assert np.sqrt((wrong**2).mean()) == pytest.approx(0.9889, abs=5e-5)
    assert np.abs(wrong).mean() == pytest.approx(0.7834, abs=5e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"measure": "jaccard"}, r"measure='jaccard' is not one of \['cosine', 'msd', 'pearson'\]"),
        ({"feature_weight": "tf"}, "feature_weight='tf' is not one of"),
        ({"n_neighbors": 0}, "n_neighbors=0 is below 1"),
        ({"shrinkage": math.nan}, "shrinkage=nan is not a finite number from 0 on"),
    ],
)
def test_settings_out_of_range_are_named(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SimilarityConfig(**setting)  # type: ignore[arg-type]


def test_bad_matrices_are_named() -> None:
    with pytest.raises(DataError, match="1 of 2 values are not finite numbers"):
        find_neighbors(sparse.csr_matrix(np.array([[1.0, math.nan]])), "products", SimilarityConfig())
    near = find_neighbors(sparse.csr_matrix(np.ones((2, 3))), "products", SimilarityConfig())
    with pytest.raises(DataError, match="the weights are of 2 products, the neighbours of 3"):
        scores_by_products(sparse.csr_matrix(np.ones((2, 2))), near)
    with pytest.raises(ConfigError, match="k=0 is below 1"):
        list(scores_by_products(sparse.csr_matrix(np.ones((2, 3))), near).top_products(0))
