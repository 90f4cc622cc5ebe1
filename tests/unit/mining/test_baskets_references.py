"""Association rules on published data: answers of the literature, and what becomes of rules a month later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shopmine.mining.baskets import BasketsConfig, evaluate_baskets, fit_baskets
from shopmine.mining.contract import MiningInputs


def inputs_of(frame: pd.DataFrame, day: date) -> MiningInputs:
    """From columns basket, product, day, category."""
    names = frame.drop_duplicates("product")
    text = {name: names[name].to_numpy(dtype=object) for name in ("product", "category")}
    frames = {
        "baskets": pa.table(
            {
                "basket": frame["basket"].to_numpy(dtype=np.int64),
                "product": pa.array(frame["product"].to_numpy(dtype=object), pa.string()),
                "day": pa.array(frame["day"].to_numpy(dtype="datetime64[D]")),
            }
        ),
        "product_features": pa.table({name: pa.array(values, pa.string()) for name, values in text.items()}),
    }
    return MiningInputs(day=day, frames=frames)


@pytest.mark.slow
def test_groceries_rules_are_those_of_the_literature(reference_data: Callable[[str], Path]) -> None:
    rows = pd.read_parquet(reference_data("groceries_arules/groceries.parquet"))
    day = date(2020, 1, 31)
    frame = pd.DataFrame({"basket": rows["basket_id"], "product": rows["item"], "day": day, "category": None})
    config = BasketsConfig(
        levels=("product",), min_count=1, min_support=0.001, min_confidence=0.8, max_q=1.0, max_length=10, later_days=0
    )
    rules = fit_baskets(inputs_of(frame, day), config).rules.to_pandas()
    assert len(rules) == 410  # arules' own vignette
    best = rules.loc[rules["lift"].idxmax()]
    assert (list(best["antecedent"]), list(best["consequent"])) == (["liquor", "red/blush wine"], ["bottled beer"])
    assert best["support"] == pytest.approx(0.001931876, abs=5e-10)
    assert best["confidence"] == pytest.approx(0.9047619, abs=5e-8)
    assert best["lift"] == pytest.approx(11.23527, abs=5e-6)
    assert {
        *zip(map(frozenset, rules["antecedent"]), rules["consequent"].str[0], rules["support_count"], strict=True)
    } == (brute_force(rows.groupby("basket_id")["item"].agg(frozenset).tolist(), least=10, confidence=0.8))


def brute_force(baskets: list[frozenset[str]], least: int, confidence: float) -> set[tuple[frozenset[str], str, int]]:
    """All rules with one item on the right side, counted set by set."""
    holders: dict[str, set[int]] = {}
    for number, basket in enumerate(baskets):
        for item in basket:
            holders.setdefault(item, set()).add(number)
    counts: dict[frozenset[str], int] = {}
    level = [frozenset([item]) for item, own in holders.items() if len(own) >= least]
    while level:
        holding = {items: len(set.intersection(*(holders[item] for item in items))) for items in level}
        holding = {items: n for items, n in holding.items() if n >= least}
        counts |= holding
        level = list(_joined(set(holding)))
    return {
        (items - {right}, right, n)
        for items, n in counts.items()
        if len(items) > 1
        for right in items
        if n / counts[items - {right}] >= confidence
    }


def _joined(sets: set[frozenset[str]]) -> set[frozenset[str]]:
    """Sets with one item more, of which every part is among `sets`."""
    by_start: dict[tuple[str, ...], list[str]] = {}
    for items in sets:
        *start, last = sorted(items)
        by_start.setdefault(tuple(start), []).append(last)
    longer = {frozenset((*start, *pair)) for start, lasts in by_start.items() for pair in combinations(lasts, 2)}
    return {items for items in longer if all(items - {item} in sets for item in items)}


@pytest.mark.slow
def test_rules_of_three_months_hold_in_the_fourth(reference_data: Callable[[str], Path]) -> None:
    rows = pd.read_parquet(reference_data("ta_feng/ta_feng.parquet"))
    frame = pd.DataFrame(
        {
            "basket": rows.groupby(["TRANSACTION_DT", "CUSTOMER_ID"]).ngroup(),
            "product": rows["PRODUCT_ID"].astype(str),
            "day": rows["TRANSACTION_DT"],
            "category": None,
        }
    )
    inputs = inputs_of(frame, date(2001, 2, 28))
    model = fit_baskets(inputs, BasketsConfig(levels=("product",), max_length=2))
    metrics = {row["metric"]: row for row in evaluate_baskets(model, inputs).to_pylist()}
    assert metrics["rules_product"]["value"] > 1000
    assert metrics["rules_in_shuffled_product"]["value"] == 0
    assert metrics["lifts_later_product"]["value"] >= 0.9 > 0.75 > metrics["lifts_later_product"]["baseline"]
    assert metrics["holds_later_product"]["value"] >= 0.85 > metrics["holds_later_product"]["baseline"]
