"""Purchases for tests of the recommendations, and a Hypothesis strategy for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from shopmine.frames import Interactions
from shopmine.mining.contract import MiningInputs
from unit.mining.shop_of_lines import DAY

Purchase = tuple[str, str, int]
"""Customer, product, days before `DAY`."""

PURCHASES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["P", "Q", "R", "S", "T", "U"]), st.integers(0, 50)),
    min_size=1,
    max_size=30,
)


def frame_of(purchases: Iterable[Purchase]) -> pd.DataFrame:
    rows = sorted({(c, p, DAY - timedelta(days=ago)) for c, p, ago in purchases})
    frame = pd.DataFrame(rows, columns=["customer", "product", "day"])
    return frame.assign(day=frame["day"].to_numpy(dtype="datetime64[D]"), quantity=1.0)


def interactions_of(purchases: Iterable[Purchase]) -> Interactions:
    return Interactions.from_events(frame_of(purchases))


def inputs_of_purchases(
    purchases: Iterable[Purchase],
    *,
    blocked: dict[str, dict[str, object]] | None = None,
    returned: Iterable[tuple[str, str]] = (),
) -> MiningInputs:
    """`blocked` overrides columns of a product's features; `returned` are pairs of customer and product."""
    frame = frame_of(purchases)
    schema = pa.schema(
        [("customer", pa.string()), ("product", pa.string()), ("day", pa.date32()), ("quantity", pa.float64())]
    )
    events = pa.Table.from_pylist(
        [r | {"day": pd.Timestamp(r["day"]).date()} for r in frame.to_dict("records")], schema=schema
    )
    features = [
        {"product": p, "name": f"the {p}", "kind": "goods", "listed": True, "in_stock": None}
        | {"category": None, "price_median": 1.0}
        | (blocked or {}).get(p, {})
        for p in np.unique(frame["product"].to_numpy(dtype=object)).tolist()
    ]
    schema = pa.schema(
        [(n, pa.string()) for n in ("product", "name", "kind", "category")]
        + [(n, pa.bool_()) for n in ("listed", "in_stock")]
        + [("price_median", pa.float64())]
    )
    pairs = pa.Table.from_pylist(
        [{"customer": c, "product": p} for c, p in returned],
        schema=pa.schema([("customer", pa.string()), ("product", pa.string())]),
    )
    frames = {
        "interactions": events,
        "returned": pairs,
        "product_features": pa.Table.from_pylist(features, schema=schema),
    }
    return MiningInputs(day=DAY, frames=frames)
