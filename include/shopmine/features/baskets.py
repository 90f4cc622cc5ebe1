"""What was bought together: the goods of each order, what the association rules are counted in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import DAY, PRODUCT
from shopmine.features.engine import run_sql
from shopmine.features.lines import lines_until
from shopmine.features.product_features import known_products

BASKETS: Final = pa.schema([("basket", pa.int64()), (PRODUCT, pa.string()), (DAY, pa.date32())])

_RULE = """
WITH bought AS (
    SELECT l.order_id AS order_id, l.product AS product, MIN(l.day_number) AS day_number
    FROM order_lines l LEFT JOIN products p ON l.product = p.product
    WHERE l.kind = 'sale' AND l.order_id IS NOT NULL AND l.quantity > 0 AND l.unit_price > 0
          AND COALESCE(p.kind, 'goods') = 'goods'
    GROUP BY l.order_id, l.product),
placed AS (SELECT order_id, MIN(day_number) AS day_number FROM bought GROUP BY order_id),
numbered AS (
    SELECT order_id, day_number, ROW_NUMBER() OVER (ORDER BY day_number, order_id) AS basket FROM placed)
SELECT n.basket AS basket, b.product AS product, n.day_number AS day
FROM bought b JOIN numbered n ON b.order_id = n.order_id
ORDER BY n.basket, b.product
"""


def derive_baskets(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """The different goods of each order up to and including `day`, also of customers who are not known.

    Left out is what `derive_interactions` leaves out, save for lines without a customer.

    Args:
        inputs: `order_lines`, and `products` where the shop has them; not modified.
        day: the shop's local day; later rows change nothing.

    Returns:
        A table of schema `BASKETS` in the order of basket and product; `basket` counts the orders from 1 by day and id,
        `day` is that of the order's first line.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    found = run_sql(_RULE, {"order_lines": lines_until(inputs, day), "products": known_products(inputs)})
    days = pc.cast(pc.cast(found[DAY], pa.int32()), pa.date32())
    return found.set_column(2, DAY, days).cast(BASKETS).combine_chunks()
