"""Reasons in English and Chinese, each once, and the rows that name them by their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.columns import REASON_CODES, WHOLE
from shopmine.mining.recommendations.scores import LEAST_CUSTOMERS

REASONS: Final = pa.schema(
    [
        ("reason", pa.int64()),
        ("kind", pa.string()),
        ("text_en", pa.string()),
        ("text_zh", pa.string()),
        ("detail", pa.string()),
    ]
)
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks for a product, without how much it counts: its kind, its texts, and what these are made of."""

    kind: str
    text_en: str
    text_zh: str
    detail: Mapping[str, str | int] = field(default_factory=dict)

    def published(self) -> dict[str, str | int]:
        """As the views of `published` tell it, without its weight."""
        return {**self.detail, "kind": self.kind, "text_en": self.text_en, "text_zh": self.text_zh}

    def row(self) -> tuple[str, str, str, str]:
        """As published, without a number."""
        return self.kind, self.text_en, self.text_zh, json.dumps(dict(self.detail), ensure_ascii=False, sort_keys=True)


OTHER: Final = Reason("other_purchases", "It fits your other purchases", "符合您的其他购买")
CHOSEN: Final = Reason("chosen_by_shop", "Chosen by the shop", "店铺精选")


def because(product: str, name: str) -> Reason:
    """The customer bought something that speaks for it."""
    texts = f"Because you bought {name}", f"因为您购买过 {name}"
    return Reason("because_you_bought", *texts, {"product": product})


def together(product: str, name: str) -> Reason:
    """It is bought together with something that the customer bought."""
    texts = f"Often bought together with {name}", f"常与 {name} 一起购买"
    return Reason("bought_together", *texts, {"product": product})


def alike(product: str, name: str) -> Reason:
    """Its name is like that of something that the customer bought."""
    texts = f"Like {name}, which you bought", f"与您购买过的 {name} 相似"
    return Reason("similar_to_bought", *texts, {"product": product})


def before(days: int, ago: int) -> Reason:
    """The customer bought it before."""
    times, last = ("1 day" if n == 1 else f"{n} days" for n in (days, ago))
    texts = f"You bought it on {times}, last {last} ago", f"您曾在 {days} 天购买过,最近一次是 {ago} 天前"
    return Reason("bought_before", *texts, {"days": days, "days_ago": ago})


def popular(buyers: int, days: int) -> Reason:
    """It sells; how often is told from `LEAST_CUSTOMERS` buyers on."""
    if buyers < LEAST_CUSTOMERS:
        return Reason("popular", "It sells in this shop", "本店在售商品")
    english = f"Popular: {buyers} customers bought it in the last {days} days"
    return Reason("popular", english, f"热销:最近 {days} 天有 {buyers} 位顾客购买", {"days": days, "buyers": buyers})


def of_alike_customers(buyers: int) -> Reason:
    """Customers with a like history bought it; only for `LEAST_CUSTOMERS` or more of them."""
    texts = f"{buyers} customers with purchases like yours bought it", f"{buyers} 位与您购买相似的顾客买过"
    return Reason("similar_customers", *texts, {"buyers": buyers})


def of_category(name: str) -> Reason:
    """It is popular in a category that the customer buys from."""
    texts = f"Popular in {name}, where you buy", f"在您常购的 {name} 中热销"
    return Reason("popular_in_category", *texts, {"category": name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """Reasons named by entries.

    Attributes:
        starts: (n_entries + 1,) where each entry's reasons begin and end.
        code: (n_mentions,) numbers of reasons.
        weight: (n_mentions,) in ten-thousandths; those of an entry add up to a whole but for rounding.
    """

    starts: Codes
    code: Codes
    weight: Codes

    @classmethod
    def of(cls, n_entries: int, entry: Codes, code: Codes, weight: Codes, other: int) -> Mentions:
        """Reasons by entry; what is missing to a whole is another reason.

        Args:
            n_entries: number of entries.
            entry: (n_mentions,) ascending; which entry each belongs to.
            code: (n_mentions,) numbers of reasons.
            weight: (n_mentions,) in ten-thousandths, at least 1.
            other: number of the reason that stands for the rest.
        """
        told = np.bincount(entry, weights=weight, minlength=n_entries).astype(np.int64)
        number = np.bincount(entry, minlength=n_entries)
        # A rest of as many ten-thousandths as there are reasons is rounding.
        rest = np.flatnonzero(WHOLE - told > number)
        last = np.cumsum(number)[rest]
        return cls(
            starts=np.concatenate([[0], np.cumsum(number + (WHOLE - told > number))]),
            code=np.insert(code, last, other),
            weight=np.insert(weight, last, WHOLE - told[rest]),
        )

    def take(self, entries: Codes) -> Mentions:
        """The same of entries in another order."""
        length = np.diff(self.starts)[entries]
        starts = np.concatenate([[0], np.cumsum(length)])
        place = np.arange(starts[-1]) + np.repeat(self.starts[entries] - starts[:-1], length)
        return Mentions(starts=starts, code=self.code[place], weight=self.weight[place])

    def told(self, reasons: Sequence[Reason]) -> list[dict[str, Any]]:
        """All of them, one after the other, as the views of `published` tell them."""
        return [
            {**reasons[code].published(), "weight": weight / WHOLE}
            for code, weight in zip(self.code.tolist(), self.weight.tolist(), strict=True)
        ]

    def columns(self) -> tuple[pa.Array, pa.Array]:
        """As two columns of lists: numbers, and weights."""
        starts = pa.array(self.starts, pa.int32())
        return tuple(
            pa.ListArray.from_arrays(starts, pa.array(values, pa.int32())) for values in (self.code, self.weight)
        )


def reasons_table(reasons: Sequence[Reason], tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables with `reasons` beside them, numbered by what they say: in whatever order they were first named.

    Args:
        reasons: by the number under which the rows name them so far.
        tables: with a column `REASON_CODES`.
    """
    rows = [reason.row() for reason in reasons]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    number = np.empty(len(rows), dtype=np.int32)
    number[order] = np.arange(len(rows))
    columns: list[Any] = [np.arange(len(rows)), *zip(*(rows[place] for place in order), strict=True)]
    told = pa.table(columns, schema=REASONS) if rows else REASONS.empty_table()
    return {**{name: _renumbered(table, number) for name, table in tables.items()}, "reasons": told}


def _renumbered(table: pa.Table, number: npt.NDArray[np.int32]) -> pa.Table:
    column = table.column(REASON_CODES).combine_chunks()
    codes = pa.array(number[column.flatten().to_numpy()], pa.int32())
    lists = pa.ListArray.from_arrays(pa.array(column.offsets.to_numpy() - column.offsets[0].as_py(), pa.int32()), codes)
    return table.set_column(table.column_names.index(REASON_CODES), REASON_CODES, lists)
