"""What is known of each product 商品 at the end of a day: how it sells, what it is, and whether it may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import KIND, PRODUCT, QUANTITY
from shopmine.errors import DataError
from shopmine.features.engine import run_sql
from shopmine.features.lines import MICROS, day_number, from_micros, lines_until, micros

PRODUCT_FEATURES: Final = pa.schema(
    [
        (PRODUCT, pa.string()),
        ("name", pa.string()),
        ("category", pa.string()),
        (KIND, pa.string()),
        ("listed", pa.bool_()),
        ("in_stock", pa.bool_()),
        ("buyers", pa.int64()),
        ("orders", pa.int64()),
        ("units", pa.float64()),
        ("revenue", pa.decimal128(38, 6)),
        ("return_share", pa.float64()),
        ("first_sold", pa.date32()),
        ("last_sold", pa.date32()),
        ("buyers_7d", pa.int64()),
        ("buyers_28d", pa.int64()),
        ("units_7d", pa.float64()),
        ("trend_7_28", pa.float64()),
        ("price_median", pa.float64()),
    ]
)
"""One row a product that was sold, sorted by product. `buyers…` count known customers; `revenue` is net of returns;
`trend_7_28` is units a day of the last 7 over the last 28 days (null: none sold); `in_stock` is null where not tracked."""

_RULE = """
WITH sales AS (SELECT * FROM order_lines WHERE kind = 'sale'),
sold AS (
    SELECT product, COUNT(DISTINCT customer) AS buyers, COUNT(DISTINCT order_id) AS orders,
           CAST(SUM(quantity) AS BIGINT) AS units, CAST(SUM(amount) AS BIGINT) AS revenue,
           MIN(day_number) AS first_day, MAX(day_number) AS last_day,
           COUNT(DISTINCT CASE WHEN day_number > {day} - 7 THEN customer END) AS buyers_7d,
           COUNT(DISTINCT CASE WHEN day_number > {day} - 28 THEN customer END) AS buyers_28d,
           CAST(SUM(CASE WHEN day_number > {day} - 7 THEN quantity ELSE 0 END) AS BIGINT) AS units_7d,
           CAST(SUM(CASE WHEN day_number > {day} - 28 THEN quantity ELSE 0 END) AS BIGINT) AS units_28d,
           MEDIAN(unit_price) AS price_median
    FROM sales GROUP BY product),
undone AS (
    SELECT product, CAST(SUM(ABS(amount)) AS BIGINT) AS returned
    FROM order_lines WHERE kind = 'return' GROUP BY product),
stocked AS (SELECT product, CAST(SUM(quantity) AS BIGINT) AS quantity FROM stock GROUP BY product)
SELECT s.product AS product, p.name AS name, p.category AS category, COALESCE(p.kind, 'goods') AS kind,
       CASE WHEN {is_whole} AND p.product IS NULL THEN FALSE ELSE COALESCE(p.listed, TRUE) END AS listed,
       CASE WHEN t.product IS NOT NULL THEN t.quantity > 0 END AS in_stock,
       s.buyers AS buyers, s.orders AS orders, CAST(s.units AS DOUBLE) / {micros} AS units,
       s.revenue - COALESCE(u.returned, 0) AS revenue,
       CASE WHEN s.revenue > 0
            THEN CAST(COALESCE(u.returned, 0) AS DOUBLE) / s.revenue ELSE 0 END AS return_share,
       s.first_day AS first_sold, s.last_day AS last_sold,
       s.buyers_7d AS buyers_7d, s.buyers_28d AS buyers_28d,
       CAST(s.units_7d AS DOUBLE) / {micros} AS units_7d,
       CASE WHEN s.units_28d > 0 THEN CAST(s.units_7d * 4 AS DOUBLE) / s.units_28d END AS trend_7_28,
       s.price_median / {micros} AS price_median
FROM sold s LEFT JOIN undone u ON s.product = u.product
     LEFT JOIN products p ON s.product = p.product LEFT JOIN stocked t ON s.product = t.product
ORDER BY s.product
"""

_PRODUCTS: Final = pa.schema(
    [
        (PRODUCT, pa.string()),
        ("name", pa.string()),
        ("category", pa.string()),
        (KIND, pa.string()),
        ("listed", pa.bool_()),
    ]
)


def derive_product_features(inputs: Mapping[str, pa.Table], day: date, *, is_whole: bool = False) -> pa.Table:
    """Describe every product with a sale up to and including `day`.

    Args:
        inputs: `order_lines`, and `products` and `stock` (the versions to use, one row a key) where the shop has them;
            not modified.
        day: the shop's local day; later lines change nothing.
        is_whole: `products` are all that the shop had at the end of the day: one that is not among them was deleted and
            is listed no more. No products at all say nothing.

    Returns:
        A table of schema `PRODUCT_FEATURES`, sorted by product; the same bytes for the same rows in any order.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    tables = {"order_lines": lines_until(inputs, day), "products": known_products(inputs), "stock": _stock(inputs)}
    is_told = str(is_whole and tables["products"].num_rows > 0).upper()
    found = run_sql(_RULE.format(day=day_number(day), micros=MICROS, is_whole=is_told), tables)
    found = found.set_column(found.column_names.index("revenue"), "revenue", from_micros(found["revenue"]))
    for name in ("first_sold", "last_sold"):
        days = pc.cast(pc.cast(found[name], pa.int32()), pa.date32())
        found = found.set_column(found.column_names.index(name), name, days)
    return found.select(PRODUCT_FEATURES.names).cast(PRODUCT_FEATURES).combine_chunks()


def known_products(inputs: Mapping[str, pa.Table]) -> pa.Table:
    """The shop's products with name, category, kind and whether they are listed; no rows where it has no such source.

    Raises:
        DataError: a column is missing.
    """
    if "products" not in inputs:
        return _PRODUCTS.empty_table()
    products = inputs["products"]
    if missing := set(_PRODUCTS.names) - set(products.column_names):
        raise DataError(f"products lack {sorted(missing)}; they have {sorted(products.column_names)}")
    return products.select(_PRODUCTS.names).cast(_PRODUCTS)


def _stock(inputs: Mapping[str, pa.Table]) -> pa.Table:
    if "stock" not in inputs:
        return pa.table({PRODUCT: pa.array([], pa.string()), QUANTITY: pa.array([], pa.int64())})
    stock = inputs["stock"]
    return pa.table({PRODUCT: stock[PRODUCT], QUANTITY: micros(stock[QUANTITY], "stock quantity")})
