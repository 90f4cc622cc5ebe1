# ruff: noqa: T201 - it prints what it measured
"""The published lists of the real Online Retail shop as of a day, scored from the raw file by somebody who knows nothing of them.

    PYTHONPATH=include python tests/benchmarks/recommendations_online_retail.py path/to/online_retail.parquet

Fitted as of Monday 2011-11-07, applied to 2011-11-09, with the shop's rules, as a run of that day does; asked for the 30 days from
2011-11-10. The scoring is written out in plain loops over the raw rows and shares no code with the package. Audiences: which share
of the places holds a customer who bought the product in those days. Exits with 1 below the known figures.
"""

from __future__ import annotations

import math
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.features.interactions import derive_exposures, derive_interactions, derive_returned
from shopmine.features.product_features import derive_product_features
from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import RecommendationsConfig, apply_recommendations, fit_recommendations

TRAINING_DAY, DAY, LAST_DAY = date(2011, 11, 7), date(2011, 11, 9), date(2011, 12, 9)
SERVICES = r"^(POST|DOT|C2|23444|23574|M|D|S|B|BANK CHARGES|AMAZONFEE|CRUK|PADS|DCGS.*|GIFT.*|22016)$"
EXACT = pa.decimal128(38, 6)
LEAST = {"for_you": 0.37, "discover": 0.138, "audiences": 0.08}
"""What is known to be reached: ndcg@10 of the lists ALL and NEW, precision of the audiences."""


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


def timed(label: str, work: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{label:34} {time.perf_counter() - wall:6.1f} s  {time.process_time() - cpu:6.1f} s CPU  peak {peak} MB")
    return done


def inputs_of(facts: dict[str, pa.Table], day: date) -> MiningInputs:
    frames = {
        "interactions": derive_interactions(facts, day),
        "returned": derive_returned(facts, day),
        "product_features": derive_product_features(facts, day),
        "exposures": derive_exposures(facts, day),
    }
    return MiningInputs(day=day, frames=frames)


def bought(path: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Customer -> products, up to the day and in the 30 days after it, by the definitions of the honest test."""
    before, later = defaultdict(set), defaultdict(set)
    columns = ["CustomerID", "StockCode", "Quantity", "UnitPrice", "InvoiceDate"]
    for customer, code, quantity, price, at in pd.read_parquet(path)[columns].itertuples(index=False):
        product = code.strip().upper()
        if pd.isna(customer) or quantity <= 0 or price <= 0 or not re.fullmatch(r"\d{5}[A-Z]*", product):
            continue
        if at.date() <= LAST_DAY:
            (before if at.date() <= DAY else later)[str(customer)].add(product)
    return before, later


def ndcg_of(rows: list[dict[str, Any]], which: str, path: Path) -> tuple[float, int]:
    """Mean ndcg@10 of a list over the customers with a history and a target, and their number."""
    before, later = bought(path)
    lists: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["rank"]):
        if row["list"] == which:
            lists[row["customer"]].append(row["product"])
    gains = []
    for customer, own in before.items():
        targets = later.get(customer, set()) - (own if which == "discover" else set())
        if not targets:
            continue
        hits = [rank for rank, product in enumerate(lists[customer][:10]) if product in targets]
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(targets))))
        gains.append(sum(1 / math.log2(rank + 2) for rank in hits) / ideal)
    return sum(gains) / len(gains), len(gains)


def main(path: Path) -> int:
    facts = timed("read", lambda: online_retail(path))
    training = timed("features, training day", lambda: inputs_of(facts, TRAINING_DAY))
    of_day = timed("features, day", lambda: inputs_of(facts, DAY))
    model = timed("fit, compare", lambda: fit_recommendations(training, RecommendationsConfig()))
    tables = timed("apply", lambda: apply_recommendations(model, of_day))
    print({name: table.num_rows for name, table in tables.items()}, dict(model.champions))
    reached = {}
    for which in ("for_you", "discover"):
        reached[which], n = ndcg_of(tables["recommendations"].to_pylist(), which, path)
        print(f"{which:10} ndcg@10 {reached[which]:.4f} of {n} customers")
    _, later = bought(path)
    places = [row["product"] in later.get(row["customer"], set()) for row in tables["audiences"].to_pylist()]
    reached["audiences"] = sum(places) / len(places)
    print(f"audiences  precision {reached['audiences']:.4f} of {len(places)} places")
    low = {name: (reached[name], least) for name, least in LEAST.items() if reached[name] < least}
    print(f"below what is known: {low}" if low else "all figures are reached")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
