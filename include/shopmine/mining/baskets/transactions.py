"""Baskets as two integer arrays: which goods, or categories, each of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from shopmine.columns import DAY, PRODUCT
from shopmine.mining.contract import rows_until, text_array

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.mining.baskets.config import BasketsConfig
    from shopmine.mining.contract import MiningInputs

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """Baskets of items, each item once a basket.

    Attributes:
        items: (n_items,) names, rarest first, then by name: the search is smallest in this order.
        starts: (n_baskets + 1,) where each basket begins in `codes`.
        codes: (n_lines,) indices into `items`, ascending within a basket.
    """

    items: npt.NDArray[np.object_]
    starts: Codes
    codes: Codes

    @property
    def n_baskets(self) -> int:
        """Number of baskets."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> Codes:
        """(n_baskets,) number of items."""
        return np.diff(self.starts)

    @property
    def counts(self) -> Codes:
        """(n_items,) number of baskets with each item."""
        return np.bincount(self.codes, minlength=len(self.items)).astype(np.int64)

    @classmethod
    def from_lines(cls, baskets: Codes, items: npt.NDArray[np.object_]) -> Transactions:
        """Build from (n_lines,) numbers of baskets and names of items, in any order; repeats count once."""
        basket_code = np.unique(baskets, return_inverse=True)[1]
        item_code, names = pd.factorize(items, sort=True)
        pairs = np.unique(basket_code * max(len(names), 1) + item_code)
        basket_code, item_code = np.divmod(pairs, max(len(names), 1))
        counts = np.bincount(item_code, minlength=len(names))
        order = np.lexsort((np.arange(len(names)), counts))
        rank = np.empty(len(names), dtype=np.int64)
        rank[order] = np.arange(len(names))
        item_code = rank[item_code]
        by_basket = np.lexsort((item_code, basket_code))
        sizes = np.bincount(basket_code)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(items=names[order], starts=starts, codes=item_code[by_basket])

    @property
    def size_class(self) -> Codes:
        """(n_baskets,) class of a basket's size: each size up to 16 is one, larger ones are steps of a quarter."""
        sizes = self.sizes
        steps = np.floor(np.log(np.maximum(sizes, 1) / 16) / np.log(1.25))
        return np.where(sizes <= 16, sizes - 1, 16 + np.maximum(steps, 0)).astype(np.int64)

    def shuffled(self, rng: np.random.Generator) -> Transactions:
        """The same baskets and items put together by chance; an item that a basket gets twice counts once."""
        return Transactions.from_lines(self.basket_of_line(), self.items[rng.permutation(self.codes)])

    def basket_of_line(self) -> Codes:
        """(n_lines,) number of the basket of each line."""
        return np.repeat(np.arange(self.n_baskets), self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """What rules are found in, and the later weeks that they are tried on."""

    earlier: Transactions
    later: Transactions
    n_giant: int


def split_weeks(inputs: MiningInputs, config: BasketsConfig, level: str) -> Weeks:
    """The baskets of the window at a level, the last days apart.

    Args:
        inputs: `baskets`, and for the level category `product_features` with `category`.
        config: windows; baskets with more than `max_basket_items` different goods are left out.
        level: `product` or `category`; products without a category are left out there.
    """
    frame = rows_until(inputs.frame("baskets", ("basket", PRODUCT, DAY)), inputs.day)
    days = frame[DAY].to_numpy().astype("datetime64[D]")
    first = np.datetime64(inputs.day - timedelta(days=config.window_days - 1), "D")
    baskets, items = frame["basket"].to_numpy(), text_array(frame[PRODUCT])
    kept = days >= first
    if level == "category":
        items = _categories(inputs.frame("product_features", (PRODUCT, "category")), items)
        kept &= np.array([item is not None for item in items], dtype=bool)
    baskets, items, days = baskets[kept], items[kept], days[kept]
    is_giant, n_giant = _giants(baskets, config.max_basket_items)
    baskets, items, days = baskets[~is_giant], items[~is_giant], days[~is_giant]
    is_later = days > np.datetime64(_last_earlier_day(days, inputs.day, config), "D")
    parts = [Transactions.from_lines(baskets[part], items[part]) for part in (~is_later, is_later)]
    return Weeks(earlier=parts[0], later=parts[1], n_giant=n_giant)


def _giants(baskets: Codes, most: int) -> tuple[npt.NDArray[np.bool_], int]:
    _, code, sizes = np.unique(baskets, return_inverse=True, return_counts=True)
    return sizes[code] > most, int((sizes > most).sum())


def _last_earlier_day(days: npt.NDArray[np.datetime64], day: date, config: BasketsConfig) -> date:
    if not len(days):
        return day
    n_days = int((np.datetime64(day, "D") - days.min()).astype(int)) + 1
    return day - timedelta(days=min(config.later_days, n_days // 4))


def _categories(products: pa.Table, items: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    category = dict(zip(products[PRODUCT].to_pylist(), products["category"].to_pylist(), strict=True))
    return np.array([category.get(item) for item in items], dtype=object)
