"""The demo shop's orders as its MySQL has them: a schema of its own, as a Chinese shop might have grown it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.demo.arrow import chosen, joined, money, numbered, text_days, times, utc_times
from shopmine.demo.campaigns import CAMPAIGNS
from shopmine.demo.catalogue import Catalogue
from shopmine.demo.members import Members
from shopmine.demo.orders import RETURN, SALE, Lines, Orders
from shopmine.demo.plants import Plants
from shopmine.demo.settlements import FAULTS, METHODS, Payments, Refunds
from shopmine.demo.sizes import random_stream

FREIGHT_SKU: Final = "FREIGHT"
UNKNOWN_SKU: Final = "ZZ99999"
_CHANNELS: Final = ("app", "mini_program", "web")
_STORES: Final = (None, "S01", "S02", "S03")  # none: delivered; else fetched from that store
_STATES: Final = ("completed", "part_refunded", "refunded")
_REMARKS: Final = (
    None,
    "请放快递柜",
    "送达前请打 13800138000",
    "发票开到 buyer@example.com，谢谢",
    "生日礼物🎁 请包装",
    "=HYPERLINK(\"http://example.com\",\"点我\")",
    "'; DROP TABLE sale_order; --",
    "<script>alert('x')</script>",
)  # fmt: skip
_REMARK_SHARES: Final = (0.93, 0.03, 0.01, 0.01, 0.01, 0.004, 0.003, 0.003)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """Everything that was ordered, paid and sent back."""

    orders: Orders
    lines: Lines
    payments: Payments
    refunds: Refunds
    plants: Plants


def order_numbers(orders: Orders) -> pa.Array:
    """The shop's own order numbers: day and a running number."""
    return joined("SO", text_days(orders.at), numbered("", np.arange(len(orders)), 7))


def make_order_tables(sold: Sold, catalogue: Catalogue, members: Members, seed: int) -> dict[str, pa.Table]:
    """`sale_order`, `sale_order_line`, `payment` and `refund`, as they are when everything has arrived."""
    numbers = order_numbers(sold.orders)
    return {
        "sale_order": _orders(sold, members, numbers, seed),
        "sale_order_line": _lines(sold, catalogue, numbers, seed),
        "payment": _payments(sold, numbers),
        "refund": _refunds(sold, numbers),
    }


def _orders(sold: Sold, members: Members, numbers: pa.Array, seed: int) -> pa.Table:
    rng, orders, lines = random_stream(seed, "order details"), sold.orders, sold.lines
    n = len(orders)
    n_sold = np.bincount(lines.order[lines.kind == SALE], minlength=n)
    n_back = np.bincount(lines.order[lines.kind == RETURN], minlength=n)
    store = rng.choice(4, n, p=[0.85, 0.05, 0.05, 0.05])
    remark = rng.choice(len(_REMARKS), n, p=_REMARK_SHARES)
    return pa.table(
        {
            "order_no": numbers,
            "member_id": members.number[orders.member],
            "channel": chosen(_CHANNELS, rng.choice(3, n, p=[0.5, 0.35, 0.15])),
            "store_code": chosen(_STORES, store),
            "status": chosen(_STATES, (n_back > 0).astype(int) + (n_back == n_sold)),
            "currency": chosen(("CNY",), np.zeros(n, dtype=np.int64)),
            "campaign_code": chosen([c.code for c in CAMPAIGNS], orders.campaign),
            "remark": chosen(_REMARKS, remark),
            "created_at": times(orders.at),
            "updated_at": utc_times(orders.at),
        }
    )


def _lines(sold: Sold, catalogue: Catalogue, numbers: pa.Array, seed: int) -> pa.Table:
    lines = sold.lines
    table = pa.table(
        {
            "order_no": numbers.take(pa.array(lines.order)),
            "line_no": lines.line,
            "sku": _line_skus(sold, catalogue, seed),
            "quantity": lines.quantity,
            "price": money(lines.price_cents),
            "discount": money(lines.discount_cents),
            "line_type": lines.kind,
            "created_at": times(lines.at),
            "updated_at": utc_times(lines.at),
        }
    )
    nameless = sold.plants.nameless
    at = sold.orders.at[nameless]
    zero = np.zeros(len(nameless), dtype=np.int64)
    extra = pa.table(
        {
            "order_no": numbers.take(pa.array(nameless)),
            "line_no": zero + 99,
            "sku": pa.array([" "] * len(nameless), pa.string()),
            "quantity": zero + 1,
            "price": money(zero),
            "discount": money(zero),
            "line_type": zero + SALE,
            "created_at": times(at),
            "updated_at": utc_times(at),
        }
    )
    return pa.concat_tables([table, extra])


def _line_skus(sold: Sold, catalogue: Catalogue, seed: int) -> pa.Array:
    """Codes as staff and apps typed them: now and then in lower case or with blanks around."""
    rng, lines = random_stream(seed, "typing"), sold.lines
    sku = pa.array([*catalogue.sku, FREIGHT_SKU], pa.string()).take(pa.array(lines.product % (len(catalogue.sku) + 1)))
    kind = rng.random(len(lines.order))
    is_plain = pa.array(kind > 0.006)
    odd = pc.if_else(pa.array(kind < 0.004), pc.utf8_lower(sku), joined(" ", sku, " "))
    is_unknown = (lines.line == 1) & np.isin(lines.order, sold.plants.unknown_product)
    return pc.if_else(pa.array(is_unknown), UNKNOWN_SKU, pc.if_else(is_plain, sku, odd))


def _payments(sold: Sold, numbers: pa.Array) -> pa.Table:
    payments = sold.payments
    amount = payments.amount_cents.copy()
    faulty = np.flatnonzero(np.isin(payments.order, sold.plants.faulty))
    amount[faulty] += FAULTS
    table = pa.table(
        {
            "pay_no": joined("PY", pc.utf8_slice_codeunits(numbers.take(pa.array(payments.order)), 2), "-", numbered("", payments.part, 1)),
            "order_no": numbers.take(pa.array(payments.order)),
            "method": chosen(METHODS, payments.method),
            "amount": money(amount),
            "currency": chosen(("CNY",), payments.order * 0),
            "status": chosen(("paid",), payments.order * 0),
            "paid_at": times(payments.at),
            "updated_at": utc_times(payments.at),
        }
    )  # fmt: skip
    missing = faulty[np.array(FAULTS) == 0]
    return table.filter(pa.array(~np.isin(np.arange(table.num_rows), missing)))


def _refunds(sold: Sold, numbers: pa.Array) -> pa.Table:
    refunds = sold.refunds
    order_no = numbers.take(pa.array(refunds.order))
    return pa.table(
        {
            "refund_no": joined("RF", pc.utf8_slice_codeunits(order_no, 2)),
            "order_no": order_no,
            "method": chosen(METHODS, refunds.method),
            "amount": money(refunds.amount_cents),
            "currency": chosen(("CNY",), refunds.order * 0),
            "status": chosen(("refunded",), refunds.order * 0),
            "refunded_at": times(refunds.at),
            "updated_at": utc_times(refunds.at),
        }
    )
