"""What happens to the demo shop's source after it was first read: rows that arrive late, prices that are put right."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.demo.arrow import money
from shopmine.demo.plants import PRICE_SLIP_CENTS
from shopmine.demo.shop_tables import Sold, order_numbers

CHANGED_AT: Final = "2025-06-30 19:30:00"  # UTC; the night after the last day
_TABLES: Final = ("sale_order", "sale_order_line", "payment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One price put right: the line, its price before and after, and the order's payment before and after."""

    order_no: str
    line_no: int
    day: date
    price_before: Decimal
    price: Decimal
    paid_before: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LateChanges:
    """Everything that `apply_late_changes` does.

    Attributes:
        rows: table -> rows to insert; whole orders with their lines and payments.
        corrections: prices to put right.
        days: the shop's days whose facts change, sorted.
    """

    rows: dict[str, pa.Table]
    corrections: tuple[Correction, ...]
    days: tuple[date, ...]


def hold_back(tables: dict[str, pa.Table], sold: Sold) -> tuple[dict[str, pa.Table], LateChanges]:
    """Part the finished tables into what the source shows at first and what changes later; the input is not modified."""
    numbers = order_numbers(sold.orders)
    late = numbers.take(pa.array(sold.plants.late))
    rows, shown = {}, dict(tables)
    for name in _TABLES:
        is_late = pc.is_in(tables[name]["order_no"], late)
        rows[name] = tables[name].filter(is_late)
        shown[name] = tables[name].filter(pc.invert(is_late))
    corrections = _corrections(sold, numbers)
    shown["sale_order_line"] = _slip(
        shown["sale_order_line"], "price", {(c.order_no, c.line_no): c.price_before for c in corrections}
    )
    shown["payment"] = _slip(shown["payment"], "amount", {(c.order_no, None): c.paid_before for c in corrections})
    changed = np.concatenate([sold.plants.late, sold.plants.corrected])
    days = tuple(sorted(set(sold.orders.at[changed].astype("datetime64[D]").tolist())))
    return shown, LateChanges(rows=rows, corrections=corrections, days=days)


def _corrections(sold: Sold, numbers: pa.Array) -> tuple[Correction, ...]:
    found = []
    first_line = np.searchsorted(sold.lines.order, sold.plants.corrected)
    payment = np.searchsorted(sold.payments.order, sold.plants.corrected)
    for order, line, paid in zip(sold.plants.corrected.tolist(), first_line.tolist(), payment.tolist(), strict=True):
        price, amount = int(sold.lines.price_cents[line]), int(sold.payments.amount_cents[paid])
        more = PRICE_SLIP_CENTS * int(sold.lines.quantity[line])
        found.append(
            Correction(
                order_no=numbers[order].as_py(),
                line_no=int(sold.lines.line[line]),
                day=sold.orders.at[order].astype("datetime64[D]").item(),
                price_before=_yuan(price + PRICE_SLIP_CENTS),
                price=_yuan(price),
                paid_before=_yuan(amount + more),
                paid=_yuan(amount),
            )
        )
    return tuple(found)


def _yuan(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _slip(table: pa.Table, column: str, values: dict[tuple[str, int | None], Decimal]) -> pa.Table:
    """Put other values into one money column, where order (and line) say so."""
    possible = pc.is_in(table["order_no"], pa.array([order for order, _ in values], pa.string()))
    rows = np.flatnonzero(possible.to_numpy())
    cents = _cents(table[column])
    for row in rows.tolist():
        line = table["line_no"][row].as_py() if "line_no" in table.column_names else None
        value = values.get((table["order_no"][row].as_py(), line))
        if value is not None:
            cents[row] = int(value.scaleb(2))
    return table.set_column(table.column_names.index(column), column, money(cents))


def _cents(column: pa.ChunkedArray) -> np.ndarray:
    hundred = pa.scalar(Decimal(100), pa.decimal128(3, 0))
    return np.array(pc.multiply(column, hundred).cast(pa.decimal128(18, 2)).cast(pa.int64()).to_numpy())
