"""The texts of reasons in English and Chinese, as JSON, put together for many entries at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.mining.recommendations.scores import LEAST_CUSTOMERS

WHOLE: Final = 10_000
"""Weights are told in ten-thousandths."""
_NOTHING: Final = pa.scalar("", pa.large_string())
Codes = npt.NDArray[np.int64]


def opened(reason: Mapping[str, object]) -> str:
    """JSON of a reason, open for its weight."""
    return json.dumps(reason, ensure_ascii=False)[:-1] + ', "weight": '


OTHER: Final = opened(
    {"kind": "other_purchases", "text_en": "It fits your other purchases", "text_zh": "符合您的其他购买"}
)
CHOSEN: Final = opened({"kind": "chosen_by_shop", "text_en": "Chosen by the shop", "text_zh": "店铺精选"})


def because(product: str, name: str) -> str:
    """The customer bought something that speaks for it."""
    texts = {"text_en": f"Because you bought {name}", "text_zh": f"因为您购买过 {name}"}
    return opened({"kind": "because_you_bought", "product": product} | texts)


def together(product: str, name: str) -> str:
    """It is bought together with something that the customer bought."""
    texts = {"text_en": f"Often bought together with {name}", "text_zh": f"常与 {name} 一起购买"}
    return opened({"kind": "bought_together", "product": product} | texts)


def alike(product: str, name: str) -> str:
    """Its name is like that of something that the customer bought."""
    texts = {"text_en": f"Like {name}, which you bought", "text_zh": f"与您购买过的 {name} 相似"}
    return opened({"kind": "similar_to_bought", "product": product} | texts)


def before(days: int, ago: int) -> str:
    """The customer bought it before."""
    times, last = ("1 day" if n == 1 else f"{n} days" for n in (days, ago))
    texts = {
        "text_en": f"You bought it on {times}, last {last} ago",
        "text_zh": f"您曾在 {days} 天购买过,最近一次是 {ago} 天前",
    }
    return opened({"kind": "bought_before", "days": days, "days_ago": ago} | texts)


def popular(buyers: int, days: int) -> str:
    """It sells; how often is told from `LEAST_CUSTOMERS` buyers on."""
    if buyers < LEAST_CUSTOMERS:
        return opened({"kind": "popular", "text_en": "It sells in this shop", "text_zh": "本店在售商品"})
    texts = {
        "text_en": f"Popular: {buyers} customers bought it in the last {days} days",
        "text_zh": f"热销:最近 {days} 天有 {buyers} 位顾客购买",
    }
    return opened({"kind": "popular", "days": days, "buyers": buyers} | texts)


def of_alike_customers(buyers: int) -> str:
    """Customers with a like history bought it; only for `LEAST_CUSTOMERS` or more of them."""
    texts = {
        "text_en": f"{buyers} customers with purchases like yours bought it",
        "text_zh": f"{buyers} 位与您购买相似的顾客买过",
    }
    return opened({"kind": "similar_customers", "buyers": buyers} | texts)


def of_category(name: str) -> str:
    """It is popular in a category that the customer buys from."""
    texts = {"text_en": f"Popular in {name}, where you buy", "text_zh": f"在您常购的 {name} 中热销"}
    return opened({"kind": "popular_in_category", "category": name} | texts)


def join_reasons(n_entries: int, entry: Codes, text: Sequence[str], code: Codes, weight: Codes) -> pa.Array:
    """(n_entries,) JSON lists of reasons; what is missing to a whole is the customer's other purchases.

    Args:
        n_entries: number of lists.
        entry: (n_reasons,) ascending; which list each reason belongs to.
        text: opened reasons.
        code: (n_reasons,) place of each reason in `text`.
        weight: (n_reasons,) in ten-thousandths, at least 1.
    """
    told = np.bincount(entry, weights=weight, minlength=n_entries).astype(np.int64)
    number = np.bincount(entry, minlength=n_entries)
    # A rest of as many ten-thousandths as there are reasons is rounding.
    rest = np.flatnonzero(WHOLE - told > number)
    entry = np.concatenate([entry, rest])
    code = np.concatenate([code, np.full(len(rest), len(text))])
    weight = np.concatenate([weight, WHOLE - told[rest]])
    order = np.argsort(entry, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(entry, minlength=n_entries))])
    weights = pa.array([f"{value / WHOLE}}}" for value in range(WHOLE + 1)], pa.large_string())
    parts = pa.array([*text, OTHER], pa.large_string()).take(pa.array(code[order]))
    closed = pc.binary_join_element_wise(parts, weights.take(pa.array(weight[order])), _NOTHING)
    lists = pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), closed)
    joined = pc.binary_join(lists, pa.scalar(", ", pa.large_string()))
    start, end = (pa.scalar(text, pa.large_string()) for text in "[]")
    return pc.binary_join_element_wise(start, joined, end, _NOTHING).cast(pa.string())
