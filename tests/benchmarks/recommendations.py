# ruff: noqa: T201 - it prints what it measured
"""The honest test of the recommendations on real shops: quality, seconds and peak memory of every method, as a page for docs.

    PYTHONPATH=include python tests/benchmarks/recommendations.py DATA [--shops online_retail,ta_feng] [--write docs/recommendations_measured.md]

DATA is a folder with `online_retail/online_retail.parquet` and `ta_feng/ta_feng.parquet`; a shop whose file is not there is left out.
One split in time for everybody: learned from the days before T, asked for the 30 days from T; the whole catalogue is ranked,
never a sample of it; every customer counts who has a history and a target. ALL: everything bought from T on. NEW: what the
customer had never bought before T. Every method of a window is measured in a process of its own, so that memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import RecommendationsConfig
from shopmine.mining.recommendations.config import FUSION, METHODS, POPULAR, RANKER
from shopmine.mining.recommendations.evaluation import bootstrap, find_targets, interval, measure_method
from shopmine.mining.recommendations.fitting import last_stretch

LISTS = {"ALL": "for_you", "NEW": "discover"}
FIGURES = ("ndcg@10", "recall@10", "hit_rate@10", "novelty@10", "coverage@10")
ALL_METHODS = (POPULAR, *METHODS, FUSION, RANKER)
TEST_DAYS = 30
WINDOWS: Mapping[str, tuple[date, ...]] = {
    "online_retail": tuple(date(2011, 12, 9) - timedelta(days=30 * n) for n in range(4)),
    "ta_feng": (date(2001, 2, 28),),
}
"""Shop -> last days of the windows, the reported one first."""


def online_retail(folder: Path) -> pd.DataFrame:
    """Lines with a known customer, quantity and price above 0, and a code of five digits and capital letters."""
    rows = pd.read_parquet(folder / "online_retail" / "online_retail.parquet")
    rows = rows[rows["CustomerID"].notna() & (rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)]
    rows = rows.assign(product=rows["StockCode"].str.strip().str.upper())
    rows = rows[rows["product"].str.fullmatch(r"\d{5}[A-Z]*")]
    return pd.DataFrame(
        {
            "customer": rows["CustomerID"].astype(int).astype(str),
            "product": rows["product"],
            "day": rows["InvoiceDate"].to_numpy("datetime64[D]"),
            "quantity": rows["Quantity"].astype(float),
            "name": rows["Description"],
            "category": None,
            "price": rows["UnitPrice"],
        }
    )


def ta_feng(folder: Path) -> pd.DataFrame:
    """Lines with an amount and a price above 0; the subclass is the category, there are no names."""
    rows = pd.read_parquet(folder / "ta_feng" / "ta_feng.parquet")
    rows = rows[(rows["AMOUNT"] > 0) & (rows["SALES_PRICE"] > 0)]
    return pd.DataFrame(
        {
            "customer": rows["CUSTOMER_ID"].astype(str),
            "product": rows["PRODUCT_ID"].astype(str),
            "day": rows["TRANSACTION_DT"].to_numpy("datetime64[D]"),
            "quantity": rows["AMOUNT"].astype(float),
            "name": None,
            "category": rows["PRODUCT_SUBCLASS"].astype(str),
            "price": rows["SALES_PRICE"] / rows["AMOUNT"],
        }
    )


SHOPS: Mapping[str, Callable[[Path], pd.DataFrame]] = {"online_retail": online_retail, "ta_feng": ta_feng}


def mining_inputs(lines: pd.DataFrame, day: date) -> MiningInputs:
    """What the features would give of these lines; products as of the day before the test days begin."""
    known = lines[lines["day"] <= np.datetime64(day)]
    before = known[known["day"] <= np.datetime64(day - timedelta(days=TEST_DAYS))]
    events = known.groupby(["customer", "product", "day"], as_index=False)["quantity"].sum()
    products = (
        before.sort_values("day", kind="stable")
        .groupby("product")
        .agg(name=("name", "last"), category=("category", "last"), price=("price", "median"))
    )
    n = len(products)
    features = {
        "product": products.index.tolist(),
        "name": pa.array([x if isinstance(x, str) else None for x in products["name"]], pa.string()),
        "category": pa.array([x if isinstance(x, str) else None for x in products["category"]], pa.string()),
        "price_median": products["price"].to_numpy(float),
        "kind": ["goods"] * n,
        "listed": [True] * n,
        "in_stock": pa.nulls(n, pa.bool_()),
    }
    interactions = {name: events[name].tolist() for name in ("customer", "product")}
    interactions |= {
        "day": pa.array(events["day"].to_numpy("datetime64[D]")),
        "quantity": events["quantity"].to_numpy(),
    }
    none = pa.table({"customer": pa.array([], pa.string()), "product": pa.array([], pa.string())})
    frames = {"interactions": pa.table(interactions), "product_features": pa.table(features), "returned": none}
    return MiningInputs(day=day, frames=frames)


def measure(folder: str, shop: str, day: date, method: str) -> dict[str, Any]:
    """One method on one window: its figures per customer, and what it cost from reading the purchases on."""
    inputs = mining_inputs(SHOPS[shop](Path(folder)), day)
    config = replace(RecommendationsConfig(), methods=(method,) if method != POPULAR else ("personal",))
    wall, cpu = time.perf_counter(), time.process_time()
    stretch = last_stretch(inputs, config)
    found: dict[str, Any] = {}
    for label, which in LISTS.items():
        targets = find_targets(stretch.scorer.history, stretch.later, which)
        figures = measure_method(stretch.scorer, targets, which, method)
        found[label] = {name: figures[name].tolist() for name in FIGURES}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found | {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": peak}


def gain(found: Mapping[str, dict[str, Any]], label: str) -> str:
    """The ranking's gain in ndcg over the best single method, with its paired interval."""
    singles = {m: float(np.mean(found[m][label]["ndcg@10"])) for m in (POPULAR, *METHODS)}
    best = max(singles, key=lambda m: singles[m])
    own, other = (np.array(found[m][label]["ndcg@10"]) for m in (RANKER, best))
    low, high = interval(own - other, bootstrap(len(own), replace(RecommendationsConfig(), n_bootstraps=1000)))
    return f"{label}: ranker − {best} = {np.mean(own - other):+.4f} [{low:+.4f}, {high:+.4f}]"


def page(results: list[tuple[str, date, Mapping[str, dict[str, Any]]]]) -> str:
    """The page in Markdown."""
    parts = [HEAD]
    for shop, day, found in results:
        n = {label: len(next(iter(found.values()))[label]["ndcg@10"]) for label in LISTS}
        parts.append(f"\n## {shop}: the {TEST_DAYS} days up to {day} ({n['ALL']:,} customers; NEW: {n['NEW']:,})\n")
        heads = [f"{label} {name}" for label in LISTS for name in FIGURES]
        parts.append("| method | " + " | ".join([*heads, "seconds", "CPU s", "peak MB"]) + " |")
        parts.append("|---|" + "---:|" * (len(heads) + 3))
        for method, row in found.items():
            cells = [f"{np.mean(row[label][name]):.4f}" for label in LISTS for name in FIGURES]
            cost = [f"{row['seconds']:.1f}", f"{row['cpu']:.1f}", str(row["peak"])]
            parts.append(f"| {method} | " + " | ".join([*cells, *cost]) + " |")
        parts.append("\n" + "; ".join(gain(found, label) for label in LISTS) + ".")
    return "\n".join(parts) + "\n"


HEAD = """# Recommendations, measured

Made by `tests/benchmarks/recommendations.py` (how it measures stands there). One split in time, the whole catalogue ranked, every customer with a
history and a later purchase; ALL counts everything bought later, NEW only what the customer had never bought. `popular` is the best sellers of 7 days, `personal`
the customer's own frequency. Intervals are 95 %, by bootstrap over customers, paired. The ranking learned from days before each window only."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--shops", default=",".join(SHOPS))
    parser.add_argument("--methods", default=",".join(ALL_METHODS))
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--write", type=Path)
    told = parser.parse_args()
    results = []
    context = multiprocessing.get_context("spawn")
    for shop in told.shops.split(","):
        if not list((told.data / shop).glob("*.parquet")):
            print(f"{shop} is not in {told.data}: left out")
            continue
        for day in WINDOWS[shop][: told.windows]:
            found = {}
            for method in told.methods.split(","):
                with context.Pool(1) as pool:
                    found[method] = pool.apply(measure, (str(told.data), shop, day, method))
                row = {label: round(float(np.mean(found[method][label]["ndcg@10"])), 4) for label in LISTS}
                print(shop, day, method, json.dumps(row), f"{found[method]['cpu']:.1f} CPU s", flush=True)
            results.append((shop, day, found))
    if told.write:
        told.write.write_text(page(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
