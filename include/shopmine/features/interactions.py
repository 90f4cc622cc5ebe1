"""Who bought which goods on which day: what the recommendations learn from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import CUSTOMER, DAY, PRODUCT, QUANTITY
from shopmine.features.engine import run_sql
from shopmine.features.lines import MICROS, lines_until
from shopmine.features.product_features import known_products

INTERACTIONS: Final = pa.schema(
    [(CUSTOMER, pa.string()), (PRODUCT, pa.string()), (DAY, pa.date32()), (QUANTITY, pa.float64())]
)
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
