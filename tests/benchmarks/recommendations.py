# ruff: noqa: T201 - it prints what it measured
"""The honest test of the recommendations on real shops: quality, seconds and peak memory of every method, as a page for docs.

    PYTHONPATH=include python tests/benchmarks/recommendations.py DATA [--shops online_retail,ta_feng,generated] [--write docs/recommendations_measured.md]

DATA is a folder with `online_retail/online_retail.parquet` and `ta_feng/ta_feng.parquet`; a shop whose file is not there is left out;
`generated` is the demo shop of size small and needs no file. One split in time for everybody: learned from the days before T, asked for the 30 days from T; the whole catalogue is ranked,
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
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from recommendation_peers import PEERS, Recommend, can_run, fit_peer

from shopmine.mining.contract import MiningInputs
from shopmine.mining.recommendations import RecommendationsConfig
from shopmine.mining.recommendations.config import FUSION, METHODS, POPULAR, RANKER
from shopmine.mining.recommendations.evaluation import (
    Targets,
    bootstrap,
    find_targets,
    interval,
    measure_method,
    measure_ranking,
    product_novelty,
    split_history,
)
from shopmine.mining.recommendations.fitting import last_stretch, read_interactions

if TYPE_CHECKING:
    from shopmine.mining.recommendations.history import History

LISTS = {"ALL": "for_you", "NEW": "discover"}
FIGURES = ("ndcg@10", "recall@10", "hit_rate@10", "novelty@10", "coverage@10")
ALL_METHODS = (POPULAR, *METHODS, *PEERS, FUSION, RANKER)
K = 10
TEST_DAYS = 30
WINDOWS: Mapping[str, tuple[date, ...]] = {
    "online_retail": tuple(date(2011, 12, 9) - timedelta(days=30 * n) for n in range(4)),
    "ta_feng": (date(2001, 2, 28), date(2001, 1, 29)),
    "generated": (date(2025, 6, 30), date(2025, 5, 31)),
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


def generated(folder: Path) -> pd.DataFrame:
    """The sales of the demo shop of size small; `folder` is not looked at."""
    from shopmine.demo.generator import generate_demo

    del folder
    tables = generate_demo("small").tables
    orders, lines = (tables[name].to_pandas() for name in ("sale_order", "sale_order_line"))
    goods = tables["goods"].to_pandas()[["sku", "title", "category", "goods_type"]].drop_duplicates("sku")
    rows = lines.merge(orders[["order_no", "member_id"]].drop_duplicates("order_no"), on="order_no")
    rows = rows.assign(sku=rows["sku"].str.strip().str.upper()).merge(goods, on="sku")
    is_sale = (rows["line_type"] == 1) & (rows["goods_type"] == "goods") & rows["member_id"].notna()
    rows = rows[is_sale & (rows["quantity"] > 0) & (rows["price"] > 0)]
    return pd.DataFrame(
        {
            "customer": rows["member_id"].astype(int).astype(str),
            "product": rows["sku"],
            "day": rows["created_at"].to_numpy("datetime64[D]"),
            "quantity": rows["quantity"].astype(float),
            "name": rows["title"],
            "category": rows["category"],
            "price": rows["price"].astype(float),
        }
    )


SHOPS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    "online_retail": online_retail,
    "ta_feng": ta_feng,
    "generated": generated,
}


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
    """One method on one window: its figures per customer, and what it cost from the purchases on; none where it cannot be run."""
    inputs = mining_inputs(SHOPS[shop](Path(folder)), day)
    wall, cpu = time.perf_counter(), time.process_time()
    found = peer_figures(inputs, method) if method in PEERS else our_figures(inputs, method)
    if not found:
        return {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found | {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": peak}


def our_figures(inputs: MiningInputs, method: str) -> dict[str, Any]:
    """ALL and NEW -> figure -> value of each customer, by one of our methods."""
    config = replace(RecommendationsConfig(), methods=(method,) if method != POPULAR else ("personal",))
    stretch = last_stretch(inputs, config)
    found: dict[str, Any] = {"days": int((np.datetime64(inputs.day, "D") - stretch.scorer.history.day).astype(int))}
    for label, which in LISTS.items():
        targets = find_targets(stretch.scorer.history, stretch.later, which)
        figures = measure_method(stretch.scorer, targets, which, method)
        found[label] = {name: figures[name].tolist() for name in FIGURES}
    return found


def peer_figures(inputs: MiningInputs, peer: str) -> dict[str, Any]:
    """The same by a peer, which learns nothing of ours."""
    split = split_history(read_interactions(inputs), np.datetime64(inputs.day, "D"), TEST_DAYS)
    if split is None or not can_run(peer, len(split[0].products)):
        return {}
    history, later = split
    recommend = fit_peer(peer, history, K)
    found: dict[str, Any] = {"days": int((np.datetime64(inputs.day, "D") - history.day).astype(int))}
    for label, which in LISTS.items():
        figures = measure_peer(recommend, find_targets(history, later, which), which, history)
        found[label] = {name: figures[name].tolist() for name in FIGURES}
    return found


def measure_peer(recommend: Recommend, targets: Targets, which: str, history: History) -> dict[str, Any]:
    """The same figures of a peer's lists."""
    ranking = recommend(targets.customers, which == "discover")
    figures = measure_ranking(ranking, targets, K, product_novelty(history))
    return figures | {f"coverage@{K}": np.full(1, len(np.unique(ranking.column)) / len(history.products))}


def gain(found: Mapping[str, dict[str, Any]], label: str) -> str:
    """The ranking's gain in ndcg over the best single method or peer, with its paired interval."""
    singles = {m: float(np.mean(row[label]["ndcg@10"])) for m, row in found.items() if m not in (FUSION, RANKER)}
    best = max(singles, key=lambda m: singles[m])
    own, other = (np.array(found[m][label]["ndcg@10"]) for m in (RANKER, best))
    low, high = interval(own - other, bootstrap(len(own), replace(RecommendationsConfig(), n_bootstraps=1000)))
    return f"{label}: ranker − {best} = {np.mean(own - other):+.4f} [{low:+.4f}, {high:+.4f}]"


def page(results: list[tuple[str, date, Mapping[str, dict[str, Any]]]]) -> str:
    """The page in Markdown."""
    parts = [HEAD]
    for shop, day, found in results:
        n = {label: len(next(iter(found.values()))[label]["ndcg@10"]) for label in LISTS}
        days = next(iter(found.values()))["days"]
        parts.append(f"\n## {shop}: the {days} days up to {day} ({n['ALL']:,} customers; NEW: {n['NEW']:,})\n")
        heads = [f"{label} {name}" for label in LISTS for name in FIGURES]
        parts.append("| method | " + " | ".join([*heads, "seconds", "CPU s", "peak MB"]) + " |")
        parts.append("|---|" + "---:|" * (len(heads) + 3))
        for method, row in found.items():
            cells = [f"{np.mean(row[label][name]):.4f}" for label in LISTS for name in FIGURES]
            cost = [f"{row['seconds']:.1f}", f"{row['cpu']:.1f}", str(row["peak"])]
            parts.append(f"| {method} | " + " | ".join([*cells, *cost]) + " |")
        if RANKER in found:
            parts.append("\n" + "; ".join(gain(found, label) for label in LISTS) + ".")
    return "\n".join(parts) + "\n"


HEAD = """# Recommendations, measured

`PYTHONPATH=include python tests/benchmarks/recommendations.py DATA --write docs/recommendations_measured.md` makes this page. One split in time: learned from the days before T, asked for
the 30 days from T (in a shorter history, its last fifth). The whole catalogue is ranked, never a sample; every customer counts who has a history and a later purchase. ALL counts
everything bought from T on (list `for_you`), NEW only what the customer had never bought (list `discover`). `popular` is the best sellers of 7 days, `personal` the days on which the customer
bought a product. Rows that begin with implicit (0.7.3), and EASE, are what a shop would take today, given the days bought. `ranker` learned from windows before T only. Intervals are 95 %, by 1,000 bootstrap samples of customers, paired. Seconds and peak memory are of a
process of its own that reads the purchases, fits, and makes both lists of every customer; every one of our methods also learns the sources that all of ours share. Two cores were
shared with other work: look at CPU seconds.
"""


def measure_window(data: Path, shop: str, day: date, methods: list[str]) -> dict[str, dict[str, Any]]:
    """Every method of a window, one after the other, each in a process of its own."""
    found = {}
    for method in methods:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = pool.apply(measure, (str(data), shop, day, method))
        if not row:
            print(shop, day, method, "too many products: left out", flush=True)
            continue
        found[method] = row
        means = {label: round(float(np.mean(row[label]["ndcg@10"])), 4) for label in LISTS}
        print(shop, day, method, json.dumps(means), f"{row['cpu']:.1f} CPU s", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--shops", default=",".join(SHOPS))
    parser.add_argument("--methods", default=",".join(ALL_METHODS))
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--write", type=Path)
    told = parser.parse_args()
    shops = [shop for shop in told.shops.split(",") if shop == "generated" or (told.data / shop).is_dir()]
    results = []
    # The last window of every shop first, and the page after each, so that a run that is cut short has most.
    for number in range(told.windows):
        for shop in shops:
            if number >= len(WINDOWS[shop]):
                continue
            day = WINDOWS[shop][number]
            found = measure_window(told.data, shop, day, told.methods.split(","))
            print(*(gain(found, label) for label in LISTS if RANKER in found), sep="\n", flush=True)
            results.append((shop, day, found))
            if told.write:
                order = sorted(results, key=lambda result: (shops.index(result[0]), -result[1].toordinal()))
                told.write.write_text(page(order), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
