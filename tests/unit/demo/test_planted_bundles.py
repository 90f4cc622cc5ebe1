"""The bundles planted into the demo shop are found by the association rules."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from shopmine.mining.baskets import BasketsConfig, fit_baskets
from shopmine.mining.contract import MiningInputs
from unit.demo.test_truth import sold_lines

if TYPE_CHECKING:
    from shopmine.demo.generator import DemoData


@pytest.mark.slow
def test_every_planted_bundle_is_a_rule_and_holds_later(small: DemoData) -> None:
    lines = sold_lines(small)
    names = sorted(set(lines["sku"]))
    days = lines["day"].to_numpy(dtype="datetime64[D]")
    frames = {
        "baskets": pa.table(
            {
                "basket": np.unique(lines["order_no"].to_numpy(dtype=object), return_inverse=True)[1].astype(np.int64),
                "product": pa.array(lines["sku"].to_numpy(dtype=object), pa.string()),
                "day": pa.array(days),
            }
        ),
        "product_features": pa.table({"product": names, "category": pa.nulls(len(names), pa.string())}),
    }
    day: date = days.max().item()
    model = fit_baskets(MiningInputs(day=day, frames=frames), BasketsConfig(levels=("product",)))
    rules = {(*row["antecedent"], *row["consequent"]): row["holds_later"] for row in model.rules.to_pylist()}
    found = [bundle for bundle in small.truth.bundles if bundle in rules]
    assert len(found) == len(small.truth.bundles)
    assert np.mean([rules[bundle] is not False for bundle in found]) > 0.9
