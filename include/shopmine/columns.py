"""Names of columns that more than one module uses. One name for one thing: code, tables, docs."""

from typing import Final

SHOP: Final = "shop"
DAY: Final = "day"
BATCH: Final = "batch"
PREPARATION: Final = "preparation"
ATTRIBUTES: Final = "attributes"

CUSTOMER: Final = "customer"
PRODUCT: Final = "product"
ORDER_ID: Final = "order_id"
LINE: Final = "line"
ORDERED_AT: Final = "ordered_at"
QUANTITY: Final = "quantity"
UNIT_PRICE: Final = "unit_price"
AMOUNT: Final = "amount"
KIND: Final = "kind"

SEGMENT: Final = "segment"
SCORE: Final = "score"
RANK: Final = "rank"
LIST: Final = "list"
SOURCE: Final = "source"
REASONS: Final = "reasons"
REASON_CODES: Final = "reason_codes"
REASON_WEIGHTS: Final = "reason_weights"
MODEL: Final = "model"
METRIC: Final = "metric"
VALUE: Final = "value"

WHOLE: Final = 10_000
"""Weights of reasons are told in ten-thousandths."""
