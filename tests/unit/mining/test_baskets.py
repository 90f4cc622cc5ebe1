"""Association rules against brute force written from the definitions, and against what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from math import comb, exp, factorial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopmine.errors import ConfigError, NotFoundError
from shopmine.mining.baskets import Baskets, BasketsConfig, evaluate_baskets, explain_rule, fit_baskets
from shopmine.mining.baskets.chance import Chance
from shopmine.mining.baskets.transactions import Transactions
from shopmine.mining.contract import MiningInputs, NotEnoughDataError
from unit.mining.model_contract import ModelContract
from unit.mining.shop_of_lines import DAY

BASKETS = st.lists(st.frozensets(st.sampled_from("ABCDE"), min_size=1), min_size=1, max_size=12)
EVERYTHING = BasketsConfig(
    levels=("product",), min_count=1, min_confidence=0.0, max_q=1.0, max_length=5, later_days=0, min_baskets=1
)


def inputs_of(
    baskets: Sequence[frozenset[str]], later: Sequence[frozenset[str]] = (), categories: dict[str, str] | None = None
) -> MiningInputs:
    """Earlier baskets lie 100 days back, `later` ones on the last day."""
    days = [DAY - timedelta(days=100)] * len(baskets) + [DAY] * len(later)
    rows = [(number, item, days[number]) for number, basket in enumerate([*baskets, *later]) for item in sorted(basket)]
    number, item, day = zip(*rows, strict=True)
    names = sorted(set(item))
    frames = {
        "baskets": pa.table(
            {"basket": pa.array(number, pa.int64()), "product": pa.array(item, pa.string()), "day": pa.array(day)}
        ),
        "product_features": pa.table(
            {"product": names, "category": pa.array([(categories or {}).get(name) for name in names], pa.string())}
        ),
    }
    return MiningInputs(day=DAY, frames=frames)


def found(model: Baskets) -> dict[tuple[str, str], tuple[int, float, float, float]]:
    return {
        ("".join(row["antecedent"]), row["consequent"][0]): (
            row["support_count"],
            row["confidence"],
            row["lift"],
            row["support"],
        )
        for row in model.rules.to_pylist()
    }


def oracle(baskets: list[frozenset[str]]) -> dict[tuple[str, str], tuple[int, float, float, float]]:
    def count(items: Sequence[str]) -> int:
        return sum(basket.issuperset(items) for basket in baskets)

    items, n = sorted(frozenset().union(*baskets)), len(baskets)
    rules = {}
    for length in range(2, len(items) + 1):
        for whole in combinations(items, length):
            for right in whole:
                left = [item for item in whole if item != right]
                if both := count(whole):
                    lift = (both * n) / (count(left) * count([right]))
                    rules["".join(left), right] = (both, both / count(left), lift, both / n)
    return rules


class TestContract(ModelContract):
    name = "baskets"
    config = BasketsConfig(min_count=2, max_q=1.0)


@settings(max_examples=60, deadline=None)
@given(BASKETS)
def test_rules_equal_the_definition(baskets: list[frozenset[str]]) -> None:
    assert found(fit_baskets(inputs_of(baskets), EVERYTHING)) == oracle(baskets)


@settings(max_examples=60, deadline=None)
@given(BASKETS)
@example([frozenset("AB")] * 7 + [frozenset("C")] * 18)  # 7/25 * 25 > 7 in floating point
def test_a_rule_exactly_at_the_threshold_is_kept(baskets: list[frozenset[str]]) -> None:
    for (left, right), (_, confidence, _, support) in list(oracle(baskets).items())[:3]:
        at = replace(EVERYTHING, min_support=support, min_confidence=confidence)
        assert (left, right) in found(fit_baskets(inputs_of(baskets), at))


def test_measures_and_the_chance_behind_them() -> None:
    baskets = [*[frozenset("AB")] * 6, *[frozenset("ACD")] * 4, *[frozenset("BC")] * 2, *[frozenset("E")] * 8]
    (row,) = [
        row
        for row in fit_baskets(inputs_of(baskets), EVERYTHING).rules.to_pylist()
        if (row["antecedent"], row["consequent"]) == (["A"], ["B"])
    ]
    assert row["leverage"] == pytest.approx(6 / 20 - 10 / 20 * 8 / 20)
    assert row["conviction"] == pytest.approx((1 - 8 / 20) / (1 - 6 / 10))
    expected = row["expected_count"]
    tail = 1 - sum(exp(-expected) * expected**k / factorial(k) for k in range(6))
    assert row["p_value"] == pytest.approx(tail)
    pairs = sorted(
        {(r["support_count"], r["p_value"], r["q_value"]) for r in fit_baskets(inputs_of(baskets), EVERYTHING).rules.to_pylist()
         if len(r["antecedent"]) == 1},
        key=lambda pair: pair[1],
    )  # fmt: skip
    assert pairs[0][2] <= pairs[0][1] * comb(5, 2) + 1e-12
    z, share = 1.959963984540054, 0.6
    low = (share + z * z / 20 - z * np.sqrt(share * 0.4 / 10 + z * z / 400)) / (1 + z * z / 10)
    assert row["confidence_low"] == pytest.approx(low)


def transactions(baskets: Sequence[frozenset[str]]) -> Transactions:
    lines = [(number, item) for number, basket in enumerate(baskets) for item in sorted(basket)]
    numbers, items = zip(*lines, strict=True)
    return Transactions.from_lines(np.array(numbers), np.array(items, dtype=object))


def test_chance_is_what_exchanging_items_between_baskets_gives() -> None:
    """The null's exact distribution, by swaps that keep every item's count and every basket's size."""
    rng = np.random.default_rng(4)
    baskets = transactions(random_baskets(6, n=120, n_items=12))
    member = np.zeros((baskets.n_baskets, len(baskets.items)), dtype=bool)
    member[baskets.basket_of_line(), baskets.codes] = True
    total = np.zeros((len(baskets.items), len(baskets.items)))
    n_rounds = 400
    for _ in range(n_rounds):
        for _ in range(150):
            rows, columns = rng.integers(0, member.shape[0], 2), rng.integers(0, member.shape[1], 2)
            block = member[np.ix_(rows, columns)]
            if (rows[0] != rows[1] and columns[0] != columns[1] and (block == [[1, 0], [0, 1]]).all()) or (
                rows[0] != rows[1] and columns[0] != columns[1] and (block == [[0, 1], [1, 0]]).all()
            ):
                member[np.ix_(rows, columns)] = ~block
        total += member.T.astype(float) @ member
    first, second = np.triu_indices(len(baskets.items), 1)
    expected = Chance.of(baskets).expected_pairs(first, second)
    np.testing.assert_allclose(expected, total[first, second] / n_rounds, rtol=0.08, atol=0.6)


def test_in_sparse_baskets_chance_is_the_product_of_the_counts() -> None:
    rng = np.random.default_rng(7)
    names = np.array([f"i{number:03}" for number in range(400)])
    sizes = rng.integers(1, 12, 3000)
    baskets = transactions([frozenset(rng.choice(names, size, replace=False)) for size in sizes])
    first, second = np.triu_indices(len(baskets.items), 1)
    sizes, counts = baskets.sizes, baskets.counts
    simple = counts[first] * counts[second] * (sizes * (sizes - 1)).sum() / sizes.sum() ** 2
    np.testing.assert_allclose(Chance.of(baskets).expected_pairs(first, second), simple, rtol=0.03)


def random_baskets(seed: int, n: int = 2000, n_items: int = 60) -> list[frozenset[str]]:
    """Items of very different popularity in baskets of very different size, put together by chance."""
    rng = np.random.default_rng(seed)
    popularity = rng.lognormal(0.0, 1.0, n_items)
    names = np.array([f"i{number:02}" for number in range(n_items)])
    sizes = np.minimum(rng.geometric(0.3, n) + 30 * (rng.random(n) < 0.02), n_items // 2)
    return [frozenset(rng.choice(names, size, replace=False, p=popularity / popularity.sum())) for size in sizes]


def test_chance_gives_no_rules_and_a_planted_bundle_is_found_and_holds() -> None:
    config = BasketsConfig(levels=("product",), later_days=28)
    by_chance = random_baskets(1)
    assert fit_baskets(inputs_of(by_chance, random_baskets(2)), config).rules.num_rows == 0

    rng = np.random.default_rng(3)

    def plant(baskets: list[frozenset[str]]) -> list[frozenset[str]]:
        return [basket | {"x1", "x2"} if rng.random() < 0.02 else basket for basket in baskets]

    inputs = inputs_of(plant(by_chance), plant(random_baskets(2)))
    model = fit_baskets(inputs, config)
    assert {(*row["antecedent"], *row["consequent"]) for row in model.rules.to_pylist()} == {("x1", "x2"), ("x2", "x1")}
    assert model.rules["holds_later"].to_pylist() == [True, True]
    metrics = {row["metric"]: row for row in evaluate_baskets(model, inputs).to_pylist()}
    assert metrics["rules_in_shuffled_product"]["value"] == 0
    assert metrics["holds_later_product"]["value"] == 1
    told = explain_rule(model, ["x1"], "x2")
    assert "it held in later weeks" in told["text_en"]
    assert "在之后数周仍成立" in told["text_zh"]
    with pytest.raises(NotFoundError, match=r"no rule \['x1'\] => 'i00' was found on"):
        explain_rule(model, ["x1"], "i00")


def test_a_rule_of_the_past_does_not_hold_later() -> None:
    old = [frozenset("AB")] * 40 + [frozenset("A"), frozenset("B"), frozenset("CD"), frozenset("E")] * 40
    new = [frozenset("A"), frozenset("B"), frozenset("CD"), frozenset("EF")] * 40
    model = fit_baskets(inputs_of(old, new), BasketsConfig(levels=("product",)))
    held = {(*row["antecedent"], *row["consequent"]): row["holds_later"] for row in model.rules.to_pylist()}
    assert held == {("A", "B"): False, ("B", "A"): False, ("C", "D"): True, ("D", "C"): True}


def test_categories_are_a_level_of_their_own() -> None:
    baskets = [frozenset({"a1", "b1"}), frozenset({"a2", "b2"}), frozenset({"a1", "a2"}), frozenset({"c"})] * 20
    categories = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}
    config = replace(EVERYTHING, levels=("product", "category"))
    rows = fit_baskets(inputs_of(baskets, categories=categories), config).rules.to_pylist()
    of_category = [
        (row["antecedent"], row["consequent"], row["support_count"]) for row in rows if row["level"] == "category"
    ]
    assert sorted(of_category) == [(["A"], ["B"], 40), (["B"], ["A"], 40)]


def test_giant_baskets_and_low_thresholds_meet_a_budget_and_a_message() -> None:
    everything = [frozenset(f"i{n}" for n in range(400))] * 30
    usual = [frozenset({"A", "B", "C"})] * 50
    config = replace(EVERYTHING, max_basket_items=100, min_count=20)
    model = fit_baskets(inputs_of([*everything, *usual]), config)
    assert model.notes == ("30 baskets with more than 100 different items were left out (product)",)
    assert {count for count, *_ in found(model).values()} == {50}

    cramped = replace(config, max_basket_items=1000, max_itemsets=90_000)
    model = fit_baskets(inputs_of([*everything, *usual]), cramped)
    assert "sets of more by product needed 40 baskets instead of 20" in model.notes[0]
    assert found(model)["AB", "C"] == (50, 1.0, 1.6, 0.625)
    pairs_too = fit_baskets(inputs_of([*everything, *usual]), replace(cramped, max_steps=1_000_000))
    assert "sets of two by product needed 40 baskets instead of 20" in pairs_too.notes[0]


def test_what_is_not_mined_and_wrong_settings_are_said() -> None:
    with pytest.raises(NotEnoughDataError, match="3 baskets are too few for rules; they need 50"):
        fit_baskets(inputs_of([frozenset("AB")] * 3), BasketsConfig(later_days=0))
    with pytest.raises(ConfigError, match=r"min_support=5 is outside \[0, 1\]; it is a share, so 5 % is 0.05"):
        BasketsConfig(min_support=5)
    with pytest.raises(ConfigError, match=r"levels=\('shelf',\) must name some of \['product', 'category'\]"):
        BasketsConfig(levels=("shelf",))
    with pytest.raises(ConfigError, match="max_length=1 is below 2"):
        BasketsConfig(max_length=1)
