"""The day's facts as the key figures need them, from the frames that staging gives. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from shopmine.columns import AMOUNT, ATTRIBUTES, CUSTOMER, KIND, ORDER_ID, PRODUCT, QUANTITY
from shopmine.publish.statistics import DayFacts

if TYPE_CHECKING:
    import pyarrow as pa

DAY_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "order_lines": (ORDER_ID, CUSTOMER, PRODUCT, QUANTITY, AMOUNT, KIND, ATTRIBUTES),
    "orders": (ORDER_ID, "store", ATTRIBUTES),
    "payments": ("method", AMOUNT),
    "events": ("type",),
}
"""What is read of the day itself, by entity."""
MAX_KEYS: Final = 50
MAX_LENGTH: Final = 40
_NO_LABEL: Final = re.compile(r"[\d\s.,:+-]*|\d{4}-\d\d-\d\d.*")


def day_facts(of_day: Mapping[str, pa.Table], earlier: pa.Table, products: pa.Table) -> DayFacts:
    """Put the frames together.

    Args:
        of_day: entity -> its rows of the day, columns as in `DAY_COLUMNS`; an entity may be absent.
        earlier: `customer`, `kind` of the order lines before the day.
        products: `product`, `category` as known on the day.
    """
    frames = {entity: table.to_pandas() for entity, table in of_day.items()}
    lines, orders = (frames.get(name, pd.DataFrame(columns=DAY_COLUMNS[name])) for name in ("order_lines", "orders"))
    attributes = _attributes(lines, orders)
    names = tuple(name for name in attributes.columns if _is_breakdown(attributes[name].dropna().unique().tolist()))
    bought = earlier.to_pandas()
    return DayFacts(
        lines=pd.concat([lines.drop(columns=[ATTRIBUTES]), attributes[list(names)]], axis="columns"),
        earlier_customers=frozenset(bought.loc[bought[KIND] == "sale", CUSTOMER].dropna().unique()),
        orders=orders.drop(columns=[ATTRIBUTES]),
        products=products.to_pandas(),
        payments=frames.get("payments", pd.DataFrame()),
        events=frames.get("events", pd.DataFrame()),
        attributes=names,
    )


def _is_breakdown(values: Sequence[str]) -> bool:
    """Whether an attribute's values on a day are labels (a country, a channel), and not numbers, times, notes or ids."""
    are_labels = all(len(value) <= MAX_LENGTH and not _NO_LABEL.fullmatch(value) for value in values)
    return 0 < len(values) <= MAX_KEYS and are_labels


def _attributes(lines: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """(n_lines, n_attributes) text of each attribute: the line's own, else its order's."""
    by_order = dict(zip(orders[ORDER_ID], _parsed(orders[ATTRIBUTES].tolist()), strict=True))
    own = _parsed(lines[ATTRIBUTES].tolist())
    rows = [{**by_order.get(order, {}), **mine} for order, mine in zip(lines[ORDER_ID], own, strict=True)]
    frame = pd.DataFrame(rows, index=lines.index, dtype="object")
    return frame[[name for name in sorted(frame.columns) if name not in lines.columns]]


def _parsed(texts: Sequence[object]) -> list[dict[str, str]]:
    found = [json.loads(text) if isinstance(text, str) else {} for text in texts]
    return [{name: str(value) for name, value in row.items() if value is not None} for row in found]
