"""Recommendations: the contract, the rules, full lists, and reasons that add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from harness.reasons import told_rows
from shopmine.errors import ConfigError, NotFoundError
from shopmine.mining.recommendations import (
    Recommendations,
    RecommendationsConfig,
    apply_recommendations,
    explain_pair,
    fit_recommendations,
)
from shopmine.mining.recommendations.config import BASELINES
from unit.mining.model_contract import ModelContract
from unit.mining.purchases import PURCHASES, Purchase, inputs_of_purchases
from unit.mining.shop_of_lines import CATALOGUE, invent_lines, mining_inputs

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs

SMALL = RecommendationsConfig(n_factors=4, n_epochs=3, list_size=5, n_audience=3, n_bootstraps=20)


class TestContract(ModelContract):
    name = "recommendations"
    config = SMALL


@pytest.fixture(scope="module")
def inputs() -> MiningInputs:
    return mining_inputs(invent_lines())


@pytest.fixture(scope="module")
def model(inputs: MiningInputs) -> Recommendations:
    return fit_recommendations(inputs, SMALL)


def lists_of(tables: dict[str, Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in told_rows(tables, "recommendations"):
        found[row["customer"], row["list"]].append(row)
    return found


def check_lists(inputs: MiningInputs, tables: dict[str, Any], size: int) -> None:
    """Every promise about lists that holds for any shop."""
    bought = {(row["customer"], row["product"]) for row in inputs.frames["interactions"].to_pylist()}
    returned = {(row["customer"], row["product"]) for row in inputs.frames["returned"].to_pylist()}
    features = inputs.frames["product_features"].to_pylist()
    sold = set(inputs.frames["interactions"]["product"].to_pylist())
    shown = {
        row["product"]
        for row in features
        if row["product"] in sold and row["kind"] == "goods" and row["listed"] and row["in_stock"] is not False
    }
    days = defaultdict(set)
    for row in inputs.frames["interactions"].to_pylist():
        days[row["customer"], row["product"]].add(row["day"])
    new_habit = {pair for pair, bought_on in days.items() if bought_on == {inputs.day}}
    days = defaultdict(set)
    for row in inputs.frames["interactions"].to_pylist():
        days[row["customer"], row["product"]].add(row["day"])
    new_habit = {pair for pair, bought_on in days.items() if bought_on == {inputs.day}}
    found = lists_of(tables)
    for customer in sorted({customer for customer, _ in bought}):
        mine = {product for product in shown if (customer, product) in bought}
        free = {product for product in shown if (customer, product) not in returned | new_habit}
        allowed = {"for_you": free, "discover": free - mine, "buy_again": free & mine}
        for which, products in allowed.items():
            rows = found[customer, which]
            assert {row["product"] for row in rows} <= products
            assert len(rows) == min(size, len(products)), which
            assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
            assert len({row["product"] for row in rows}) == len(rows)
            scores = [row["score"] for row in rows]
            assert scores == sorted(scores, reverse=True)
    for row in tables["similar_products"].to_pylist():
        assert {row["product"], row["similar"]} <= shown
    assert set(tables["audiences"]["product"].to_pylist()) <= shown


@settings(max_examples=25, deadline=None)
@given(PURCHASES)
def test_lists_are_full_and_keep_the_rules_for_any_shop(purchases: list[Purchase]) -> None:
    blocked: dict[str, dict[str, object]] = {"Q": {"kind": "service"}, "R": {"listed": False}, "S": {"in_stock": False}}
    inputs = inputs_of_purchases(purchases, blocked=blocked, returned=[("a", "P"), ("z", "P")])
    fitted = fit_recommendations(inputs, SMALL)
    tables = apply_recommendations(fitted, inputs)
    check_lists(inputs, tables, SMALL.list_size)
    check_reasons(told_rows(tables, "recommendations"))


@pytest.mark.parametrize("method", ["personal", "itemcf", "usercf", "walk", "basket", "text", "als", "fusion"])
def test_every_method_gives_full_lists_with_reasons(method: str, inputs: MiningInputs) -> None:
    config = RecommendationsConfig(methods=(method,), n_factors=4, n_epochs=3, list_size=5)
    fitted = fit_recommendations(inputs, config)
    tables = apply_recommendations(fitted, inputs)
    check_lists(inputs, tables, 5)
    check_reasons(told_rows(tables, "recommendations"))
    # What a shop would show without a model always competes.
    assert set(tables["recommendations"]["source"].to_pylist()) <= {method, "personal", "popular"}


def check_reasons(rows: list[dict[str, Any]]) -> None:
    kinds = {"because_you_bought", "bought_together", "similar_to_bought", "similar_customers", "popular_in_category"}
    kinds |= {"bought_before", "popular", "other_purchases", "chosen_by_shop"}
    for row in rows:
        reasons = row["reasons"]
        assert reasons
        assert sum(reason["weight"] for reason in reasons) == pytest.approx(1.0, abs=0.002)
        assert {reason["kind"] for reason in reasons} <= kinds
        assert all(reason["weight"] > 0 and reason["text_en"] and reason["text_zh"] for reason in reasons)


def test_reasons_speak_of_the_customers_own_purchases_and_of_nobody_else(
    inputs: MiningInputs, model: Recommendations
) -> None:
    bought = {(row["customer"], row["product"]) for row in inputs.frames["interactions"].to_pylist()}
    customers = {customer for customer, _ in bought}
    tables = apply_recommendations(model, inputs)
    rows = told_rows(tables, "recommendations") + told_rows(tables, "audiences")
    for row in rows:
        for reason in row["reasons"]:
            if reason["kind"] == "because_you_bought":
                assert (row["customer"], reason["product"]) in bought
                assert reason["product"] != row["product"], "its own purchases say how often it is bought"
                assert reason["text_en"] == f"Because you bought the {reason['product']}"
        assert not [customer for customer in customers if customer in str(row["reasons"])]


@pytest.mark.parametrize("method", ["itemcf", "als"])
def test_what_a_customer_buys_again_is_told_by_how_often_not_by_itself(method: str) -> None:
    purchases = [(f"c{c}", f"A{(c + n) % 4}", 10 * n + c % 7) for c in range(12) for n in range(6)]
    inputs = inputs_of_purchases(purchases)
    config = RecommendationsConfig(methods=(method,), n_factors=4, regularization=0.1, list_size=4)
    rows = told_rows(apply_recommendations(fit_recommendations(inputs, config), inputs), "recommendations")
    bought = {(customer, product) for customer, product, _ in purchases}
    told = [
        (row, reason)
        for row in rows
        if (row["customer"], row["product"]) in bought and row["source"] == method
        for reason in row["reasons"]
    ]
    assert told
    assert not [row for row, reason in told if reason.get("product") == row["product"]]
    if method == "als":
        assert "bought_before" in {reason["kind"] for _, reason in told}


def test_two_tastes_are_kept_apart() -> None:
    even = [(f"e{c}", f"A{(c + n) % 5}", 10 * n + c % 7) for c in range(12) for n in range(4)]
    odd = [(f"o{c}", f"B{(c + n) % 5}", 10 * n + c % 7) for c in range(12) for n in range(4)]
    inputs = inputs_of_purchases([*even, *odd])
    for method in ("itemcf", "als"):
        config = RecommendationsConfig(methods=(method,), n_factors=4, regularization=0.1, list_size=1, n_audience=8)
        tables = apply_recommendations(fit_recommendations(inputs, config), inputs)
        for (customer, which), rows in lists_of(tables).items():
            if which == "discover" and rows[0]["source"] == method:
                assert rows[0]["product"][0] == {"e": "A", "o": "B"}[customer[0]]
        similar = tables["similar_products"].to_pylist()
        assert {(row["product"][0], row["similar"][0]) for row in similar} == {("A", "A"), ("B", "B")}
        best = [row for row in tables["audiences"].to_pylist() if row["rank"] == 1]
        assert {(row["product"][0], row["customer"][0]) for row in best} == {("A", "e"), ("B", "o")}


@settings(max_examples=25, deadline=None)
@given(PURCHASES)
def test_audiences_hold_the_best_of_all_customers_by_habit_then_by_what_their_purchases_say(
    purchases: list[Purchase],
) -> None:
    inputs = inputs_of_purchases(purchases)
    config = RecommendationsConfig(methods=("personal",), n_audience=3, shrinkage=0.5, just_bought_days=0)
    model = fit_recommendations(inputs, config)
    audiences = defaultdict(list)
    for row in apply_recommendations(model, inputs)["audiences"].to_pylist():
        audiences[row["product"]].append(row["customer"])
    days = Counter((c, p) for c, p, _ in set(purchases))
    weight, names = model.learned.weights["itemcf"].toarray(), model.learned.products.tolist()
    speaks: dict[tuple[str, str], float] = defaultdict(float)
    for customer, bought, ago in sorted(set(purchases)):
        for product in names:
            part = 0.5 ** (ago / config.half_life_days) * weight[names.index(bought), names.index(product)]
            speaks[customer, product] += part
    for product in names:
        keen = {c: (days[c, product], speaks[c, product]) for c, _, _ in purchases}
        keen = {c: value for c, value in keen.items() if sum(value) > 0}
        chosen = audiences[product]
        assert len(set(chosen)) == len(chosen) == min(3, len(keen))
        assert [keen[c][0] for c in chosen] == sorted((d for d, _ in keen.values()), reverse=True)[:3]
        best = sorted(keen.values(), reverse=True)[:3]
        assert [keen[c][1] for c in chosen] == pytest.approx([value for _, value in best], abs=1e-9)


def test_no_customer_is_in_more_audiences_than_allowed(inputs: MiningInputs) -> None:
    config = RecommendationsConfig(n_factors=4, n_epochs=3, max_audiences=2, n_audience=4)
    rows = apply_recommendations(fit_recommendations(inputs, config), inputs)["audiences"].to_pylist()
    customers = [row["customer"] for row in rows]
    assert max(map(customers.count, set(customers))) == 2
    places = defaultdict(list)
    for row in rows:
        places[row["product"]].append((row["rank"], -row["score"]))
    assert all(entries == sorted(entries) and len(entries) <= 4 for entries in places.values())
    assert all([rank for rank, _ in entries] == list(range(1, len(entries) + 1)) for entries in places.values())


def test_the_champion_of_a_list_has_the_best_ndcg_and_is_never_below_the_trivial_answer(model: Recommendations) -> None:
    rows = {row["metric"]: row for row in model.metrics.to_pylist()}
    for which, champion in model.champions.items():
        of_list = {
            name.split(".")[1]: row
            for name, row in rows.items()
            if name.startswith(which) and "ndcg" in name and "gain_over" not in name
        }
        assert {"personal", "itemcf", "als", "fusion", "popular"} <= set(of_list)
        assert of_list[champion]["value"] == max(row["value"] for row in of_list.values())
        assert [method for method, row in of_list.items() if row["is_champion"]] == [champion]
        trivial = of_list[BASELINES[which]]["value"]
        assert of_list[champion]["value"] >= trivial
        assert {row["baseline"] for row in of_list.values() if row["baseline"] is not None} == {trivial}
        assert all(row["low"] <= row["value"] <= row["high"] for row in of_list.values())


def test_a_product_that_is_new_since_the_training_day_is_only_popular(model: Recommendations) -> None:
    new = [("c001", "brand-new", 0), ("c002", "brand-new", 1)]
    old = [(f"c{n:03}", f"p{n % 24:02}", 20 + n % 40) for n in range(60)]
    inputs = inputs_of_purchases([*old, *new])
    rows = apply_recommendations(model, inputs)["recommendations"].to_pylist()
    sources = {row["source"] for row in rows if row["product"] == "brand-new" and row["customer"] == "c009"}
    assert sources <= {"popular"}
    check_lists(inputs, apply_recommendations(model, inputs), SMALL.list_size)


def test_a_trace_agrees_with_the_lists_and_names_the_rule(inputs: MiningInputs, model: Recommendations) -> None:
    found = lists_of(apply_recommendations(model, inputs))
    customer = inputs.frames["interactions"]["customer"][0].as_py()
    for which in model.champions:
        for row in found[customer, which]:
            entry = explain_pair(model, inputs, customer, row["product"])["lists"][which]
            assert (entry["rank"], entry["score"], entry["removed_by"]) == (row["rank"], row["score"], None)
            assert entry["method"] == row["source"]
            assert entry["reasons"] == row["reasons"]
    back = inputs.frames["returned"].to_pylist()[0]
    trace = explain_pair(model, inputs, back["customer"], back["product"])
    assert set(trace["rules"].values()) == {"returned_last"}
    assert trace["methods"]["personal"]["rank"] is not None
    assert set(explain_pair(model, inputs, customer, "p23")["rules"].values()) == {"not_listed"}
    assert CATALOGUE["listed"].to_pylist()[23] is False
    with pytest.raises(NotFoundError, match="customer 'nobody' bought no goods up to"):
        explain_pair(model, inputs, "nobody", "p01")
    with pytest.raises(NotFoundError, match="product 'POST' was not sold to a known customer"):
        explain_pair(model, inputs, customer, "POST")


def test_impossible_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"methods=\('magic',\) must be at least one of"):
        RecommendationsConfig(methods=("magic",))
    with pytest.raises(ConfigError, match="list_size=0 is not above 0"):
        RecommendationsConfig(list_size=0)
    with pytest.raises(ConfigError, match=r"shrinkage=-1 is below 0"):
        RecommendationsConfig(shrinkage=-1)
