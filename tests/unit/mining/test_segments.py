"""Customer profiles: the contract, right answers where they are obvious, ids that last, names that differ."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.errors import ConfigError, DataError
from shopmine.mining.contract import MiningInputs, NotEnoughDataError
from shopmine.mining.segments import SegmentsConfig, apply_segments, evaluate_segments, fit_segments
from shopmine.mining.segments.clustering import cluster_points
from shopmine.mining.segments.naming import name_segments
from unit.mining.model_contract import ModelContract
from unit.mining.shop_of_lines import DAY


def customers(rows: list[tuple[int, int, float]]) -> MiningInputs:
    """Inputs from (recency_days, orders, spend)."""
    recency, orders, spend = zip(*rows, strict=True)
    frame = pa.table(
        {
            "customer": [f"c{n:04}" for n in range(len(rows))],
            "recency_days": pa.array(recency, pa.int64()),
            "orders": pa.array(orders, pa.int64()),
            "spend": pa.array([Decimal(f"{x:.2f}") for x in spend], pa.decimal128(38, 6)),
        }
    )
    return MiningInputs(day=DAY, frames={"customer_features": frame})


def three_groups(n: int = 60, seed: int = 1) -> MiningInputs:
    rng = np.random.default_rng(seed)
    centers = [(3, 30, 9000.0), (40, 4, 500.0), (300, 1, 30.0)]
    rows = [
        (round(recency * noise[0]), max(1, round(orders * noise[1])), spend * noise[2])
        for recency, orders, spend in centers
        for noise in np.exp(rng.normal(0, 0.15, (n, 3)))
    ]
    return customers(rows)


class TestContract(ModelContract):
    name = "segments"
    config = SegmentsConfig(n_bootstraps=3, n_init=3, max_clusters=4)


def test_three_plain_groups_are_three_segments() -> None:
    inputs = three_groups()
    model = fit_segments(inputs, SegmentsConfig(n_bootstraps=5, max_clusters=5, min_share=0.1))
    tables = apply_segments(model, inputs)
    assert tables["segments"]["customers"].to_pylist() == [60, 60, 60]
    assert tables["segments"]["segment"].to_pylist() == ["1", "2", "3"]
    assert tables["customers"]["segment"].to_pylist() == ["1"] * 60 + ["2"] * 60 + ["3"] * 60
    assert min(tables["customers"]["membership"].to_pylist()) > 0.5
    means, medians = (json.loads(tables["segments"][name][0].as_py()) for name in ("mean", "median"))
    own = inputs.frames["customer_features"].slice(0, 60)
    spend = np.array([float(x) for x in own["spend"].to_pylist()])
    assert means["spend"] == pytest.approx(spend.mean())
    assert medians["spend"] == pytest.approx(np.median(spend))
    metrics = {row["metric"]: row["value"] for row in evaluate_segments(model, inputs).to_pylist()}
    assert metrics["n_clusters"] == 3
    assert metrics["largest_share"] == pytest.approx(1 / 3)
    assert metrics["stability"] > 0.95
    assert metrics["silhouette"] > 0.5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 50), st.floats(-100, 1e5)), min_size=20, max_size=60))
def test_memberships_are_the_softmax_of_distances(rows: list[tuple[int, int, float]]) -> None:
    inputs = customers(rows)
    config = SegmentsConfig(n_clusters=2, n_bootstraps=1, n_init=1)
    try:
        model = fit_segments(inputs, config)
    except NotEnoughDataError:
        assert len({(r, o, f"{max(s, 0):.2f}") for r, o, s in rows}) == 1
        return
    values = np.array([(r, o, float(f"{s:.2f}")) for r, o, s in rows])
    found = model.memberships(values)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    scaled = model.scaled(values)
    distance = np.array([[((x - c) ** 2).sum() for c in model.centroids] for x in scaled])
    inertia = distance.min(axis=1).sum()
    assert model.temperature == pytest.approx(2 * inertia / values.size, rel=1e-6, abs=1e-30)
    assert (found.argmax(axis=1) == distance.argmin(axis=1)).mean() > 0.99


def test_k_means_has_converged() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    found = cluster_points(points, 5, n_init=3, seed=2)
    for index in range(5):
        np.testing.assert_allclose(points[found.labels == index].mean(axis=0), found.centroids[index], atol=1e-12)


def test_segment_ids_go_on_where_the_segment_goes_on() -> None:
    first = fit_segments(three_groups(), SegmentsConfig(n_clusters=3, n_bootstraps=1))
    swapped = replace(
        first,
        n_ids=8,
        centroids=first.centroids[::-1].copy(),
        segments=tuple(replace(s, segment=str(9 - int(s.segment))) for s in first.segments[::-1]),
    )
    later = replace(three_groups(seed=2), day=DAY + timedelta(days=7))
    again = fit_segments(later, SegmentsConfig(n_clusters=3, n_bootstraps=1), previous=swapped)
    assert [segment.segment for segment in again.segments] == ["8", "7", "6"]
    assert {segment.born_day for segment in again.segments} == {DAY}

    more = fit_segments(later, SegmentsConfig(n_clusters=4, n_bootstraps=1), previous=swapped)
    born = [segment for segment in more.segments if segment.born_day == later.day]
    assert [segment.segment for segment in born] == ["9"]
    assert len(born[0].parents) == 1
    assert born[0].parents[0] in {"6", "7", "8"}


def test_an_id_is_never_given_again_and_what_ended_is_a_parent() -> None:
    inputs = three_groups()
    models = []
    for week, n_clusters in enumerate((4, 2, 4)):
        config = SegmentsConfig(n_clusters=n_clusters, n_bootstraps=1)
        day = replace(inputs, day=DAY + timedelta(days=7 * week))
        models.append(fit_segments(day, config, previous=models[-1] if models else None))
    first, second, third = ({segment.segment: segment for segment in model.segments} for model in models)
    assert set(first) == {"1", "2", "3", "4"}
    assert set(second) < set(first)
    assert {parent for segment in second.values() for parent in segment.parents} == set(first) - set(second)
    assert set(third) == set(second) | {"5", "6"}
    assert {third[new].parents[0] for new in ("5", "6")} <= set(second)
    assert {third[new].born_day for new in ("5", "6")} == {DAY + timedelta(days=14)}

    config = SegmentsConfig(n_clusters=2, n_bootstraps=1, features=("orders", "spend"))
    other = fit_segments(inputs, config, previous=models[-1])
    assert [segment.segment for segment in other.segments] == ["7", "8"]


def test_the_number_of_segments_stays_until_it_is_unstable_or_there_are_many_more_customers() -> None:
    config = SegmentsConfig(n_bootstraps=3, max_clusters=5, min_share=0.1, max_share=0.7, min_stability=0.8)
    first = fit_segments(three_groups(), config)
    assert (len(first.segments), first.n_customers_chosen) == (3, 180)
    two = fit_segments(three_groups(), replace(config, n_clusters=2))
    kept = replace(two, config=config, n_customers_chosen=180)
    again = fit_segments(three_groups(n=80), config, previous=kept)
    assert (len(again.segments), again.n_customers_chosen) == (2, 180)
    grown = fit_segments(three_groups(n=90), config, previous=kept)
    assert (len(grown.segments), grown.n_customers_chosen) == (3, 270)
    changed = fit_segments(three_groups(n=80), replace(config, max_clusters=4), previous=kept)
    assert len(changed.segments) == 3, "other settings: chosen anew"
    strict = replace(config, max_share=0.4)
    assert len(fit_segments(three_groups(n=80), strict, previous=replace(kept, config=strict)).segments) == 3


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=9))
def test_names_are_distinct_in_both_languages(centroids: list[tuple[float, float]]) -> None:
    names = name_segments(np.array(centroids), ("recency_days", "spend"))
    assert len(set(names)) == len({zh for _, zh in names}) == len(centroids)


def test_names_say_what_sets_a_segment_apart() -> None:
    names = name_segments(np.array([[1.5, -0.9], [-0.1, 2.0], [0.1, 0.1]]), ("recency_days", "spend"))
    assert names == [
        ("Lapsed, low-spending", "久未购买、低消费"),
        ("High-spending", "高消费"),
        ("Average", "普通客户"),
    ]


def test_too_few_or_equal_customers_are_not_mined() -> None:
    with pytest.raises(NotEnoughDataError, match="19 customers are too few for segments; they need 20"):
        fit_segments(customers([(n, 1, 1.0) for n in range(19)]), SegmentsConfig())
    with pytest.raises(NotEnoughDataError, match="all 30 customers are alike"):
        fit_segments(customers([(1, 1, 1.0)] * 30), SegmentsConfig())
    with pytest.raises(NotEnoughDataError, match="n_clusters=30 is more than the 2 distinct customers"):
        fit_segments(customers([(1, 1, 1.0), (2, 2, 2.0)] * 20), SegmentsConfig(n_clusters=30))


def test_impossible_settings_and_features_are_named() -> None:
    with pytest.raises(ConfigError, match=r"transform='log' is neither 'log1p' nor 'none'"):
        SegmentsConfig(transform="log")
    with pytest.raises(ConfigError, match=r"n_clusters=1 is below 2"):
        SegmentsConfig(n_clusters=1)
    with pytest.raises(ConfigError, match=r"min_stability=85 is outside \[0, 1\]"):
        SegmentsConfig(min_stability=85)
    with pytest.raises(ConfigError, match=r"features=\(\) must name"):
        SegmentsConfig(features=())
    with pytest.raises(DataError, match=r"customer_features lack \['height'\]"):
        fit_segments(three_groups(), SegmentsConfig(features=("height",)))
