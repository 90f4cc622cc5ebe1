"""Who bought which goods on which day: what the recommendations learn from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import CUSTOMER, DAY, KIND, PRODUCT, QUANTITY
from shopmine.features.engine import run_sql
from shopmine.features.lines import MICROS, lines_until, rows_until
from shopmine.features.product_features import known_products

INTERACTIONS: Final = pa.schema(
    [(CUSTOMER, pa.string()), (PRODUCT, pa.string()), (DAY, pa.date32()), (QUANTITY, pa.float64())]
)
EXPOSURES: Final = pa.schema([(CUSTOMER, pa.string()), (PRODUCT, pa.string()), (DAY, pa.date32())])
HIDDEN: Final = pa.schema([(CUSTOMER, pa.string()), (PRODUCT, pa.string())])
RETURNED: Final = pa.schema([(CUSTOMER, pa.string()), (PRODUCT, pa.string())])

_BOUGHT = """
SELECT l.customer AS customer, l.product AS product, l.day_number AS day,
       CAST(CAST(SUM(l.quantity) AS BIGINT) AS DOUBLE) / {micros} AS quantity
FROM order_lines l LEFT JOIN products p ON l.product = p.product
WHERE l.kind = 'sale' AND l.customer IS NOT NULL AND l.quantity > 0 AND l.unit_price > 0
      AND COALESCE(p.kind, 'goods') = 'goods'
GROUP BY l.customer, l.product, l.day_number
ORDER BY l.customer, l.product, l.day_number
"""

_RETURNED = """
SELECT customer, product FROM (
    SELECT customer, product,
           MAX(CASE WHEN kind = 'sale' THEN ordered_at END) AS sold_at,
           MAX(CASE WHEN kind = 'return' THEN ordered_at END) AS returned_at
    FROM order_lines WHERE customer IS NOT NULL GROUP BY customer, product) AS pairs
WHERE returned_at IS NOT NULL AND (sold_at IS NULL OR returned_at >= sold_at)
ORDER BY customer, product
"""

_EXPOSED = """
WITH said AS (
    SELECT customer, product, kind, CAST(day_number AS BIGINT) AS day_number
    FROM feedback WHERE customer IS NOT NULL AND product IS NOT NULL),
success AS (
    SELECT customer, product, MAX(day_number) AS day_number FROM (
        SELECT customer, product, day_number FROM said WHERE kind IN ('clicked', 'bought')
        UNION ALL
        SELECT customer, product, day_number FROM order_lines WHERE customer IS NOT NULL AND kind = 'sale') AS happy
    GROUP BY customer, product)
SELECT DISTINCT s.customer AS customer, s.product AS product, s.day_number AS day
FROM said s LEFT JOIN success h ON s.customer = h.customer AND s.product = h.product
WHERE s.kind = '{kind}' AND (h.day_number IS NULL OR s.day_number > h.day_number)
ORDER BY s.customer, s.product, s.day_number
"""


def derive_interactions(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """Sales of goods to known customers up to and including `day`, one row a customer, product and day.

    Left out: services and other products that are no goods, returns, adjustments, lines without a customer, and lines
    with a quantity or a unit price that is not positive.

    Args:
        inputs: `order_lines`, and `products` where the shop has them; not modified.
        day: the shop's local day; later rows change nothing.

    Returns:
        A table of schema `INTERACTIONS` in the order of its key; quantity in pieces.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    found = run_sql(
        _BOUGHT.format(micros=MICROS), {"order_lines": lines_until(inputs, day), "products": known_products(inputs)}
    )
    days = pc.cast(pc.cast(found[DAY], pa.int32()), pa.date32())
    return found.set_column(2, DAY, days).cast(INTERACTIONS).combine_chunks()


def derive_returned(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """The pairs of customer and product where the last thing that happened up to `day` was a return.

    Returns:
        A table of schema `RETURNED` in the order of its key.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    return run_sql(_RETURNED, {"order_lines": lines_until(inputs, day)}).cast(RETURNED).combine_chunks()


def derive_exposures(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """The days up to `day` on which a product was shown to a customer who has neither clicked nor bought it since.

    Args:
        inputs: `order_lines`, and `feedback` where the shop tells what it showed; not modified.
        day: the shop's local day; later rows change nothing.

    Returns:
        A table of schema `EXPOSURES` in the order of its key, one row a customer, product and day; no rows without feedback.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    found = _without_success("shown", inputs, day)
    days = pc.cast(pc.cast(found[DAY], pa.int32()), pa.date32())
    return found.set_column(2, DAY, days).cast(EXPOSURES).combine_chunks()


def derive_hidden(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """The pairs of customer and product that the customer hid up to `day` and has neither clicked nor bought since.

    Args:
        inputs: `order_lines`, and `feedback` where the shop tells what was hidden; not modified.
        day: the shop's local day; later rows change nothing.

    Returns:
        A table of schema `HIDDEN` in the order of its key.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    pairs = _without_success("hidden", inputs, day).select(HIDDEN.names)
    return pairs.group_by(HIDDEN.names, use_threads=False).aggregate([]).cast(HIDDEN).combine_chunks()


def _without_success(kind: str, inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """Customer, product and number of the day of feedback of a kind after which nothing was clicked or bought."""
    if "feedback" not in inputs:
        numbered = EXPOSURES.set(2, pa.field(DAY, pa.int64()))
        return numbered.empty_table()
    told = rows_until(inputs["feedback"], "feedback", (CUSTOMER, PRODUCT, KIND, DAY), day)
    told = told.append_column("day_number", pc.cast(told[DAY], pa.int32())).drop_columns([DAY])
    return run_sql(_EXPOSED.format(kind=kind), {"feedback": told, "order_lines": lines_until(inputs, day)})
