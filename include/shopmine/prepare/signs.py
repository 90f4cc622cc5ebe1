"""One sign convention for money and pieces, whichever the source keeps.

On a return `quantity`, `amount` and `discount` are negative or 0 and the unit price is positive or 0, so that the amount is still
quantity × unit price − discount. A refund's `amount` is what was given back, positive or 0. All other rows keep their signs: a
correction of a sale may be negative, and a payment that is negative was given back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import AMOUNT, KIND, QUANTITY, UNIT_PRICE

RETURN: Final = "return"
DISCOUNT: Final = "discount"
_Change = Callable[[pa.Array], pa.Array]


def _negative(values: pa.Array) -> pa.Array:
    return pc.negate(pc.abs(values))


_OF_RETURNS: Final[Mapping[str, _Change]] = {
    QUANTITY: _negative,
    UNIT_PRICE: pc.abs,
    DISCOUNT: _negative,
    AMOUNT: _negative,
}


def settle_signs(entity: str, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The typed columns of a canonical entity with the signs of this module; what has none to settle stays as it is."""
    if entity == "refunds":
        return {**columns, AMOUNT: pc.abs(columns[AMOUNT])}
    if entity != "order_lines":
        return dict(columns)
    is_return = pc.equal(columns[KIND], RETURN)
    settled = {
        name: pc.if_else(is_return.fill_null(False), change(columns[name]), columns[name])
        for name, change in _OF_RETURNS.items()
    }
    return {**columns, **settled}
