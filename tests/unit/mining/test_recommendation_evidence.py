"""The evidence of every source adds up to its score, says so in English and Chinese, and tells of nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import RecommendationsConfig, fit_recommendations
from shopmine.mining.recommendations.application import prepare_day
from shopmine.mining.recommendations.explain import Explainer
from shopmine.mining.recommendations.scores import LEAST_CUSTOMERS
from unit.mining.shop_of_lines import DAY, PRODUCTS, invent_lines, mining_inputs

if TYPE_CHECKING:
    from shopmine.mining.recommendations.scoring import Block

CONFIG = RecommendationsConfig(methods=("fusion",), n_factors=4, n_epochs=3, n_bootstraps=5)
TEXTS = {
    "because_you_bought": ("Because you bought {name}", "因为您购买过 {name}"),
    "bought_together": ("Often bought together with {name}", "常与 {name} 一起购买"),
    "similar_to_bought": ("Like {name}, which you bought", "与您购买过的 {name} 相似"),
}
KIND_OF = {
    "itemcf": "because_you_bought",
    "walk": "because_you_bought",
    "basket": "bought_together",
    "text": "similar_to_bought",
}


def names(n: int) -> str:
    return f"{('red', 'blue', 'green', 'white')[n % 4]} {('mug', 'lamp', 'bag')[n % 3]} no {n}"


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    """Of the invented shop; its products have names that are alike and categories."""
    inputs = mining_inputs(invent_lines())
    features = inputs.frames["product_features"].to_pandas()
    place = features["product"].map({product: n for n, product in enumerate(PRODUCTS)}).fillna(0).astype(int)
    features = features.assign(name=place.map(names), category=place.map(lambda n: f"shelf {n % 3}"))
    schema = inputs.frames["product_features"].schema
    table = type(inputs.frames["product_features"]).from_pandas(features, schema=schema, preserve_index=False)
    inputs = MiningInputs(day=DAY, frames={**inputs.frames, "product_features": table})
    return Explainer.of(*prepare_day(fit_recommendations(inputs, CONFIG), inputs))


def told_of(explainer: Explainer, method: str) -> tuple[Block, Any, list[list[dict[str, Any]]]]:
    """The method's best products of everybody, and the reasons of each when the method alone put it there."""
    scorer = explainer.scorer
    block = scorer.block(np.arange(len(scorer.history.customers)), "for_you")
    top = scorer.top(method, block)
    assert len(top.row)
    told = explainer.explain_entries(block.rows[top.row], top.column, {method: np.ones(len(top.row))})
    reasons = explainer.reasons
    return block, top, [told.take(np.array([entry])).told(reasons) for entry in range(len(top.row))]


@pytest.mark.parametrize("method", sorted(KIND_OF))
def test_what_a_purchase_weighs_is_its_part_of_the_score(method: str, explainer: Explainer) -> None:
    scorer = explainer.scorer
    _, top, told = told_of(explainer, method)
    parts = scorer.sources[method].contributions(top.row, top.column).toarray()
    np.testing.assert_allclose(parts.sum(axis=1), top.score, rtol=1e-9)
    codes = {product: code for code, product in enumerate(scorer.history.products.tolist())}
    for entry, reasons in enumerate(told):
        assert sum(reason["weight"] for reason in reasons) == pytest.approx(1.0, abs=0.001)
        share = parts[entry] / parts[entry].sum()
        purchases = [reason for reason in reasons if reason["kind"] == KIND_OF[method]]
        for reason in purchases:
            bought = codes[reason["product"]]
            assert reason["weight"] == pytest.approx(share[bought], abs=0.0001)
            assert scorer.history.counts[top.row[entry], bought] > 0
            texts = [text.format(name=explainer.rules.names[bought]) for text in TEXTS[reason["kind"]]]
            assert [reason["text_en"], reason["text_zh"]] == texts
        weights = [reason["weight"] for reason in purchases]
        assert weights == pytest.approx(np.sort(share[share >= 0.0001])[::-1][: len(weights)], abs=0.0002)


def test_other_customers_are_a_number_of_at_least_five_or_nothing(explainer: Explainer) -> None:
    _, top, told = told_of(explainer, "usercf")
    parts = explainer.scorer.sources["usercf"].contributions(top.row, top.column)
    count = (parts > 0).sum(axis=1)
    assert (count < LEAST_CUSTOMERS).any()
    for number, (reason,) in zip(np.ravel(count).tolist(), told, strict=True):
        assert reason["weight"] == 1.0
        if number < LEAST_CUSTOMERS:
            assert reason["kind"] == "other_purchases"
        else:
            assert (reason["kind"], reason["buyers"]) == ("similar_customers", number)
            assert reason["text_en"].startswith(f"{number} customers")
            assert reason["text_zh"].startswith(f"{number} 位")


def test_habit_category_and_popularity_are_told_in_figures(explainer: Explainer) -> None:
    history = explainer.scorer.history
    block, top, told = told_of(explainer, "personal")
    for row, column, (reason,) in zip(block.rows[top.row], top.column, told, strict=True):
        days = int(history.counts[row, column])
        assert (reason["kind"], reason["days"]) == ("bought_before", days)
        assert f"{days} day" in reason["text_en"]
        assert f"{days} 天" in reason["text_zh"]
    _, top, told = told_of(explainer, "category")
    for column, (reason,) in zip(top.column, told, strict=True):
        shelf = f"shelf {PRODUCTS.index(history.products[column]) % 3}"
        assert (reason["kind"], reason["category"]) == ("popular_in_category", shelf)
        assert shelf in reason["text_en"]
        assert shelf in reason["text_zh"]
    _, top, told = told_of(explainer, "popular")
    buyers = history.buyers(CONFIG.popular_days)
    for column, (reason,) in zip(top.column, told, strict=True):
        number = int(buyers[column]) if buyers[column] >= LEAST_CUSTOMERS else None
        assert (reason["kind"], reason.get("buyers")) == ("popular", number)
        assert reason["text_zh"]
