"""The shop's rules and count smoothing: no list holds a forbidden product, whatever the rules; lists stay full."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reasons import told_rows
from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import (
    RecommendationsConfig,
    apply_recommendations,
    explain_pair,
    fit_recommendations,
)
from shopmine.mining.recommendations.candidates import Candidates
from shopmine.mining.recommendations.exposures import Exposures
from shopmine.mining.recommendations.history import History
from unit.mining.purchases import PURCHASES, Purchase, inputs_of_purchases, interactions_of
from unit.mining.shop_of_lines import DAY

PRODUCTS = ("P", "Q", "R", "S", "T", "U")
BASE = RecommendationsConfig(
    methods=("fusion",), n_factors=4, n_epochs=2, list_size=4, n_audience=3, n_bootstraps=5, just_bought_days=0
)
NAMES = st.lists(st.sampled_from([*PRODUCTS, "odd", "even"]), max_size=3).map(tuple)
CONFIGS = st.builds(
    lambda **rules: replace(BASE, **rules),
    blocked=NAMES,
    pinned=NAMES,
    boosted=NAMES,
    buried=NAMES,
    max_price=st.sampled_from([0.0, 3.0]),
    max_per_category=st.integers(0, 2),
    just_bought_days=st.integers(0, 20),
    diversity=st.sampled_from([0.0, 0.5, 1.0]),
    novelty=st.sampled_from([0.0, 0.5]),
)


def category(product: str) -> str:
    return "even" if PRODUCTS.index(product) % 2 == 0 else "odd"


def shop(purchases: list[Purchase], **frames: pa.Table) -> MiningInputs:
    known = {p: {"category": category(p), "price_median": 1.0 + PRODUCTS.index(p)} for p in PRODUCTS}
    inputs = inputs_of_purchases(purchases, blocked=known)
    return MiningInputs(day=inputs.day, frames={**inputs.frames, **frames})


def lists_of(tables: dict[str, pa.Table]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in told_rows(tables, "recommendations"):
        found[row["customer"], row["list"]].append(row)
    return found


def allowed_of(purchases: list[Purchase], config: RecommendationsConfig) -> dict[tuple[str, str], set[str]]:
    """What each list may hold, from the rules' definitions."""
    bought = defaultdict(set)
    for customer, product, ago in purchases:
        bought[customer, product].add(ago)
    shown = {
        p
        for p in {p for _, p, _ in purchases}
        if not {p, category(p)} & set(config.blocked)
        and (not config.max_price or 1 + PRODUCTS.index(p) <= config.max_price)
    }
    found = {}
    for customer in {c for c, _, _ in purchases}:
        free = {
            p
            for p in shown
            if not (len(bought[customer, p]) == 1 and min(bought[customer, p]) < config.just_bought_days)
        }
        mine = {p for p in shown if bought[customer, p]}
        found |= {
            (customer, "for_you"): free,
            (customer, "discover"): free - mine,
            (customer, "buy_again"): free & mine,
        }
    return found


@settings(max_examples=20, deadline=None)
@given(PURCHASES, CONFIGS)
def test_no_list_holds_a_forbidden_product_and_lists_are_full_whatever_the_rules(
    purchases: list[Purchase], config: RecommendationsConfig
) -> None:
    inputs = shop(purchases)
    found = lists_of(apply_recommendations(fit_recommendations(inputs, config), inputs))
    for key, allowed in allowed_of(purchases, config).items():
        rows = found[key]
        products = [row["product"] for row in rows]
        assert set(products) <= allowed
        assert len(set(products)) == len(products)
        sizes = Counter(category(p) for p in allowed)
        limit = config.max_per_category
        pinned = {p for p in config.pinned if p in allowed} if key[1] != "buy_again" else set()
        if limit and not pinned:
            assert max(Counter(map(category, products)).values(), default=0) <= limit
            assert len(products) == min(config.list_size, sum(min(limit, n) for n in sizes.values()))
        elif not limit:
            assert len(products) == min(config.list_size, len(allowed))
        assert set(products[: len(pinned)]) == pinned or len(pinned) > config.list_size


def exposures(days: list[tuple[str, str, int]]) -> pa.Table:
    columns = {"customer": [c for c, _, _ in days], "product": [p for _, p, _ in days]}
    return pa.table(columns | {"day": pa.array([DAY - timedelta(days=ago) for _, _, ago in days], pa.date32())})


SHOWN = st.lists(st.tuples(st.just("a"), st.just("P"), st.integers(0, 60)), max_size=8)


def factor(shown: list[tuple[str, str, int]], *, later: int = 0) -> float:
    """Of customer a and product P, so many days later."""
    inputs = shop([("a", "P", 70), ("b", "P", 70)], exposures=exposures(shown))
    day: date = inputs.day + timedelta(days=later)
    inputs = MiningInputs(day=day, frames=inputs.frames)
    history = History.of(interactions_of([("a", "P", 70), ("b", "P", 70)]), np.datetime64(day, "D"))
    pairs = Candidates(row=np.array([0]), column=np.array([0]), n_rows=1)
    return float(Exposures.of(inputs, history, BASE).factors(pairs, np.array([0]))[0])


@settings(deadline=None)
@given(SHOWN, st.integers(0, 60), st.integers(1, 40))
def test_a_product_sinks_with_every_exposure_recovers_with_time_and_never_vanishes(
    shown: list[tuple[str, str, int]], ago: int, later: int
) -> None:
    before = factor(shown)
    assert factor([*shown, ("a", "P", ago)]) < before <= 1.0
    assert 0.0 < before <= factor(shown, later=later) <= 1.0
    own = sum(0.5 ** (age / BASE.exposure_half_life_days) for _, _, age in shown)
    total = BASE.exposure_weight * own + BASE.product_exposure_weight * own
    assert before == pytest.approx(1 / (1 + total))


def test_exposures_change_the_order_of_a_list_and_not_its_length() -> None:
    purchases = [(c, p, 5 + n) for n, (c, p) in enumerate((c, p) for c in "abcdef" for p in "PQRST")]
    model = fit_recommendations(shop(purchases), BASE)
    first = lists_of(apply_recommendations(model, shop(purchases)))["a", "for_you"]
    top = first[0]["product"]
    shown = exposures([("a", top, 0)] * 9)
    again = lists_of(apply_recommendations(model, shop(purchases, exposures=shown)))["a", "for_you"]
    assert len(again) == len(first)
    assert again[0]["product"] != top
    trace = explain_pair(model, shop(purchases, exposures=shown), "a", top)["lists"]["for_you"]
    assert trace["factor"] < 1.0


def test_what_a_customer_hid_is_on_none_of_their_lists_and_audiences_and_why_says_so() -> None:
    purchases = [(c, p, 5 + n) for n, (c, p) in enumerate((c, p) for c in "abcdef" for p in "PQRST")]
    inputs = shop(purchases, hidden=pa.table({"customer": ["a"], "product": ["P"]}))
    model = fit_recommendations(inputs, BASE)
    tables = apply_recommendations(model, inputs)
    pairs = {
        (row["customer"], row["product"])
        for name in ("recommendations", "audiences")
        for row in tables[name].to_pylist()
    }
    assert ("a", "P") not in pairs
    assert ("b", "P") in pairs
    assert set(explain_pair(model, inputs, "a", "P")["rules"].values()) == {"hidden_by_the_customer"}


def test_why_names_the_rule_and_a_pinned_product_is_told_as_the_shops_choice() -> None:
    purchases = [(c, p, 9) for c in "abcd" for p in "PQRS"] + [("a", "T", 1)]
    inputs = shop(purchases)
    config = replace(BASE, blocked=("Q",), pinned=("T",), max_price=4.0)
    model = fit_recommendations(inputs, config)
    assert set(explain_pair(model, inputs, "a", "Q")["rules"].values()) == {"blocked_by_the_shop"}
    assert set(explain_pair(model, inputs, "b", "T")["rules"].values()) == {"outside_the_price_band"}
    model = fit_recommendations(inputs, replace(config, max_price=0.0))
    row = lists_of(apply_recommendations(model, inputs))["b", "for_you"][0]
    assert (row["product"], row["source"]) == ("T", "pinned")
    assert [reason["kind"] for reason in row["reasons"]] == ["chosen_by_shop"]
