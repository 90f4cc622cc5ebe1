"""Recency, frequency, money and behaviour of each customer 客户 at the end of a day.

A customer appears from the first sale line on. `spend` is net: sale amounts minus the size of return amounts, and may
be negative where something was returned that was bought before the data begins. Services and adjustments do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import CUSTOMER, DAY
from shopmine.features.engine import run_sql
from shopmine.features.lines import MICROS, day_number, from_micros, lines_until, micros, rows_until

_MONEY: Final = ("spend", "gross_spend", "returned")
CUSTOMER_FEATURES: Final = pa.schema(
    [
        (CUSTOMER, pa.string()),
        ("recency_days", pa.int64()),
        ("tenure_days", pa.int64()),
        ("orders", pa.int64()),
        ("active_days", pa.int64()),
        ("spend", pa.decimal128(38, 6)),
        ("gross_spend", pa.decimal128(38, 6)),
        ("returned", pa.decimal128(38, 6)),
        ("mean_order_value", pa.float64()),
        ("median_order_value", pa.float64()),
        ("items", pa.float64()),
        ("distinct_products", pa.int64()),
        ("mean_gap_days", pa.float64()),
        ("return_share", pa.float64()),
        ("weekend_share", pa.float64()),
        ("orders_90d", pa.int64()),
        ("views_30d", pa.int64()),
        ("carts_30d", pa.int64()),
        ("reviews", pa.int64()),
        ("mean_rating", pa.float64()),
    ]
)
"""One row a customer, sorted by customer. Null: no second active day (`mean_gap_days`), no such source (the last four)."""

_BOUGHT = """
WITH sales AS (SELECT * FROM order_lines WHERE customer IS NOT NULL AND kind = 'sale'),
placed AS (
    SELECT customer, order_id, CAST(SUM(amount) AS BIGINT) AS amount,
           MIN(day_number) AS day_number, MAX(is_weekend) AS is_weekend
    FROM sales GROUP BY customer, order_id),
per_order AS (
    SELECT customer, COUNT(*) AS orders, CAST(SUM(amount) AS BIGINT) AS gross_spend, MEDIAN(amount) AS median_amount,
           CAST(SUM(is_weekend) AS BIGINT) AS weekend_orders,
           CAST(SUM(CASE WHEN day_number > {day} - 90 THEN 1 ELSE 0 END) AS BIGINT) AS orders_90d
    FROM placed GROUP BY customer),
per_line AS (
    SELECT customer, MIN(day_number) AS first_day, MAX(day_number) AS last_day,
           COUNT(DISTINCT day_number) AS active_days, COUNT(DISTINCT product) AS distinct_products,
           CAST(SUM(quantity) AS BIGINT) AS items
    FROM sales GROUP BY customer),
undone AS (
    SELECT customer, CAST(SUM(ABS(amount)) AS BIGINT) AS returned
    FROM order_lines WHERE customer IS NOT NULL AND kind = 'return' GROUP BY customer)
SELECT l.customer AS customer,
       {day} - l.last_day AS recency_days,
       {day} - l.first_day AS tenure_days,
       o.orders AS orders,
       l.active_days AS active_days,
       o.gross_spend - COALESCE(u.returned, 0) AS spend,
       o.gross_spend AS gross_spend,
       COALESCE(u.returned, 0) AS returned,
       CAST(o.gross_spend AS DOUBLE) / {micros} / o.orders AS mean_order_value,
       o.median_amount / {micros} AS median_order_value,
       CAST(l.items AS DOUBLE) / {micros} AS items,
       l.distinct_products AS distinct_products,
       CASE WHEN l.active_days > 1
            THEN CAST(l.last_day - l.first_day AS DOUBLE) / (l.active_days - 1) END AS mean_gap_days,
       CASE WHEN o.gross_spend > 0
            THEN CAST(COALESCE(u.returned, 0) AS DOUBLE) / o.gross_spend ELSE 0 END AS return_share,
       CAST(o.weekend_orders AS DOUBLE) / o.orders AS weekend_share,
       o.orders_90d AS orders_90d
FROM per_line l JOIN per_order o ON l.customer = o.customer LEFT JOIN undone u ON l.customer = u.customer
ORDER BY l.customer
"""

_LOOKED = """
SELECT customer,
       CAST(SUM(CASE WHEN type = 'view' THEN 1 ELSE 0 END) AS BIGINT) AS views_30d,
       CAST(SUM(CASE WHEN type = 'cart' THEN 1 ELSE 0 END) AS BIGINT) AS carts_30d
FROM events WHERE customer IS NOT NULL GROUP BY customer ORDER BY customer
"""

_SAID = """
SELECT customer, COUNT(*) AS reviews,
       CASE WHEN COUNT(rating) > 0
            THEN CAST(CAST(SUM(rating) AS BIGINT) AS DOUBLE) / {micros} / COUNT(rating) END AS mean_rating
FROM reviews WHERE customer IS NOT NULL GROUP BY customer ORDER BY customer
"""

_JOINED = """
SELECT b.*, {views} AS views_30d, {carts} AS carts_30d, {reviews} AS reviews, {rating} AS mean_rating
FROM bought b {joins}
ORDER BY b.customer
"""


def derive_customer_features(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """Describe every customer with a sale up to and including `day`.

    Args:
        inputs: `order_lines`, and `events` and `reviews` where the shop has them, each with `day`; not modified.
        day: the shop's local day; later rows change nothing.

    Returns:
        A table of schema `CUSTOMER_FEATURES`, sorted by customer; the same bytes for the same rows in any order.

    Raises:
        DataError: there are no order lines at all, or a column is missing.
    """
    number = day_number(day)
    tables = {"bought": run_sql(_BOUGHT.format(day=number, micros=MICROS), {"order_lines": lines_until(inputs, day)})}
    fill = {"views": "CAST(NULL AS BIGINT)", "carts": "CAST(NULL AS BIGINT)"}
    fill |= {"reviews": "CAST(NULL AS BIGINT)", "rating": "CAST(NULL AS DOUBLE)"}
    joins = []
    if "events" in inputs:
        tables["looked"] = run_sql(_LOOKED, {"events": _recent_events(inputs["events"], day)})
        fill |= {"views": "COALESCE(e.views_30d, 0)", "carts": "COALESCE(e.carts_30d, 0)"}
        joins.append("LEFT JOIN looked e ON b.customer = e.customer")
    if "reviews" in inputs:
        tables["said"] = run_sql(_SAID.format(micros=MICROS), {"reviews": _reviews(inputs["reviews"], day)})
        fill |= {"reviews": "COALESCE(r.reviews, 0)", "rating": "r.mean_rating"}
        joins.append("LEFT JOIN said r ON b.customer = r.customer")
    joined = run_sql(_JOINED.format(joins=" ".join(joins), **fill), tables)
    for name in _MONEY:
        joined = joined.set_column(joined.column_names.index(name), name, from_micros(joined[name]))
    return joined.select(CUSTOMER_FEATURES.names).cast(CUSTOMER_FEATURES).combine_chunks()


def _recent_events(events: pa.Table, day: date) -> pa.Table:
    kept = rows_until(events, "events", (CUSTOMER, "type", DAY), day)
    since = pa.scalar(date.fromordinal(day.toordinal() - 30), pa.date32())
    return kept.filter(pc.greater(kept[DAY], since))


def _reviews(reviews: pa.Table, day: date) -> pa.Table:
    kept = rows_until(reviews, "reviews", (CUSTOMER, "rating", DAY), day)
    return kept.set_column(1, "rating", micros(kept["rating"], "rating"))
