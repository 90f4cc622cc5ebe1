# ruff: noqa: T201 - it prints what it measured
"""How good and how fast the recommendations are on the real Online Retail shop, and how fast on a larger invented one.

    PYTHONPATH=include python tests/benchmarks/recommendations_online_retail.py path/to/online_retail.parquet

Sales of goods to known customers up to 2011-12-09; the last 30 days are compared. `ALL` is ndcg@10 of the list for_you,
`NEW` that of discover. Exits with 1 when a method falls below what it is known to reach.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.features.interactions import derive_interactions, derive_returned
from shopmine.features.product_features import derive_product_features
from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import RecommendationsConfig, apply_recommendations, fit_recommendations
from shopmine.mining.recommendations.config import LISTS

DAY = date(2011, 12, 9)
SERVICES = r"^(POST|DOT|C2|23444|23574|M|D|S|B|BANK CHARGES|AMAZONFEE|CRUK|PADS|DCGS.*|GIFT.*|22016)$"
EXACT = pa.decimal128(38, 6)
BANDS = {"popular": (0.145, 0.095), "personal": (0.354, 0.066), "als": (0.272, 0.096), "itemcf": (0.217, 0.089)}
"""Method -> the least ndcg@10 for ALL and NEW."""


def online_retail(path: Path) -> dict[str, pa.Table]:
    rows = pd.read_parquet(path).drop_duplicates()
    code = rows["StockCode"].str.strip().str.upper()
    price = pc.cast(pc.round(pa.array(rows["UnitPrice"].to_numpy()), 3), EXACT)
    quantity = pc.cast(pa.array(rows["Quantity"].to_numpy()), EXACT)
    is_return, is_service = rows["InvoiceNo"].str.startswith("C"), code.str.match(SERVICES)
    kind = np.select([is_return, is_service, rows["UnitPrice"] <= 0], ["return", "service", "adjustment"], "sale")
    known = rows["CustomerID"].notna()
    lines = {
        "order_id": pa.array(rows["InvoiceNo"], pa.string()),
        "product": pa.array(code, pa.string()),
        "customer": pa.array(rows["CustomerID"].astype(str).where(known, None), pa.string()),
        "ordered_at": pa.array(rows["InvoiceDate"].to_numpy("datetime64[us]"), pa.timestamp("us", "UTC")),
        "quantity": quantity,
        "unit_price": price,
        "amount": pc.cast(pc.multiply(pc.cast(price, pa.decimal128(18, 6)), pa.scalar(Decimal(1))), EXACT),
        "kind": pa.array(kind.astype(object), pa.string()),
        "day": pa.array(rows["InvoiceDate"].dt.date, pa.date32()),
    }
    return {"order_lines": pa.table(lines)}


def invented(n_customers: int = 20_000, n_products: int = 5_000, n_pairs: int = 350_000) -> MiningInputs:
    rng = np.random.default_rng(1)
    product = np.minimum((n_products * rng.power(0.4, n_pairs)).astype(int), n_products - 1)
    customer = np.minimum((n_customers * rng.power(0.6, n_pairs)).astype(int), n_customers - 1)
    days = np.datetime64(DAY, "D") - rng.integers(0, 365, n_pairs)
    frame = pd.DataFrame({"customer": customer, "product": product, "day": days}).drop_duplicates()
    ids = [f"P{n:05}" for n in range(n_products)]
    events = {
        "customer": [f"C{n:06}" for n in frame["customer"]],
        "product": [ids[n] for n in frame["product"]],
        "day": pa.array(frame["day"].to_numpy("datetime64[D]")),
        "quantity": np.ones(len(frame)),
    }
    shown = pa.array([True] * n_products)
    features = {"product": ids, "name": ids, "kind": ["goods"] * n_products, "listed": shown, "in_stock": shown}
    none = pa.table({"customer": pa.array([], pa.string()), "product": pa.array([], pa.string())})
    frames = {"interactions": pa.table(events), "product_features": pa.table(features), "returned": none}
    return MiningInputs(day=DAY, frames=frames)


def timed(label: str, work: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{label:34} {time.perf_counter() - wall:6.1f} s  {time.process_time() - cpu:6.1f} s CPU  peak {peak} MB")
    return done


def fit_and_apply(title: str, inputs: MiningInputs, config: RecommendationsConfig) -> Any:
    model = timed(f"{title}: fit, evaluate", lambda: fit_recommendations(inputs, config))
    tables = timed(f"{title}: apply", lambda: apply_recommendations(model, inputs))
    print({name: table.num_rows for name, table in tables.items()}, dict(model.champions))
    return model


def main(path: Path) -> int:
    facts = online_retail(path)
    frames = {
        "interactions": timed("interactions", lambda: derive_interactions(facts, DAY)),
        "returned": derive_returned(facts, DAY),
        "product_features": timed("product features", lambda: derive_product_features(facts, DAY)),
    }
    model = fit_and_apply("Online Retail", MiningInputs(day=DAY, frames=frames), RecommendationsConfig())
    rows = {row["metric"]: row for row in model.metrics.to_pylist()}
    methods = ["popular", *model.config.methods]
    print(f"\n{'ndcg@10':10}" + "".join(f"{which:>28}" for which in LISTS))
    for method in methods:
        found = [rows[f"{which}.{method}.ndcg@10"] for which in LISTS]
        told = [
            f"{x['value']:.4f} [{x['low']:.3f}, {x['high']:.3f}]{' *' if x['is_champion'] else '  '}" for x in found
        ]
        print(f"{method:10}" + "".join(f"{text:>28}" for text in told))
    print()
    fit_and_apply("20 k × 5 k, ItemCF", invented(), RecommendationsConfig(methods=("itemcf",)))
    reached = {m: [rows[f"{which}.{m}.ndcg@10"]["value"] for which in LISTS[:2]] for m in BANDS}
    low = {m: reached[m] for m, band in BANDS.items() if any(x < y for x, y in zip(reached[m], band, strict=True))}
    print(f"below their bands: {low}" if low else "all methods reach their bands")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
