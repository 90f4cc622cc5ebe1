"""Files that the demo shop's partners send: sales of the stores in town, figures of the public accounts."""

from typing import Final

import numpy as np
import pyarrow as pa

from shopmine.demo.arrow import chosen, money
from shopmine.demo.catalogue import Catalogue
from shopmine.demo.seasons import all_days, day_weights
from shopmine.demo.sizes import DemoSize, random_stream

_STORES: Final = ("S01", "S02", "S03")
_N_SHELF: Final = 8  # products of a store that sell every day
_N_DAYS: Final = 120
_CHANNELS: Final = ("wechat", "weibo")
_METRICS: Final = ("followers", "readers", "shares")


def make_channel_tables(size: DemoSize, catalogue: Catalogue, seed: int) -> dict[str, pa.Table]:
    """`store_sales` (a CSV file) and `channel_stats` (a Parquet file) of the last 120 days."""
    days = all_days(size)[-_N_DAYS:]
    rng = random_stream(seed, "channels")
    return {
        "store_sales": _store_sales(days, catalogue, rng),
        "channel_stats": _channel_stats(days, rng),
    }


def _store_sales(days: np.ndarray, catalogue: Catalogue, rng: np.random.Generator) -> pa.Table:
    n_rows = len(days) * len(_STORES) * _N_SHELF
    row = np.arange(n_rows)
    day, store = row // (len(_STORES) * _N_SHELF), row // _N_SHELF % len(_STORES)
    shelf = rng.permutation(len(catalogue.sku))[: len(_STORES) * _N_SHELF]
    product = shelf[store * _N_SHELF + row % _N_SHELF]
    pieces = 1 + rng.poisson(4 * day_weights(days, 0.5)[day])
    return pa.table(
        {
            "sale_date": pa.array(days[day]),
            "store_code": chosen(_STORES, store),
            "sku": pa.array(catalogue.sku[product], pa.string()),
            "pieces": pieces,
            "revenue": money(pieces * catalogue.price_cents[product]),
        }
    )


def _channel_stats(days: np.ndarray, rng: np.random.Generator) -> pa.Table:
    n_kinds = len(_CHANNELS) * len(_METRICS)
    row = np.arange(len(days) * n_kinds)
    day, kind = row // n_kinds, row % n_kinds
    level = np.array([20_000, 3_000, 150])[kind % len(_METRICS)] * np.array([1.0, 0.4])[kind // len(_METRICS)]
    growth = 1 + 0.002 * day
    noise = np.where(kind % len(_METRICS) == 0, 0, rng.normal(0, 0.15, len(row)))
    return pa.table(
        {
            "stat_date": pa.array(days[day]),
            "channel": chosen(_CHANNELS, kind // len(_METRICS)),
            "account": chosen(("shop_official",), kind * 0),
            "metric": chosen(_METRICS, kind % len(_METRICS)),
            "value": np.maximum(level * growth * (1 + noise), 0).astype(np.int64),
        }
    )
