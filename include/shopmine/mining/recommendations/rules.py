"""What must never be recommended, whatever its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.columns import CUSTOMER, KIND, PRODUCT
from shopmine.mining.contract import MiningInputs, text_array
from shopmine.mining.recommendations.history import History, positions

_FEATURES = (PRODUCT, "name", KIND, "listed", "in_stock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a day over its history's customers and products.

    Attributes:
        names: (n_products,) product names, the id where there is none.
        blocked: (n_products,) why a product is never shown, or None.
        is_shown: (n_products,) whether there is no such reason.
        returned: (n_customers, n_products) 1 where the last thing the customer did with it was to return it.
    """

    names: npt.NDArray[np.object_]
    blocked: npt.NDArray[np.object_]
    is_shown: npt.NDArray[np.bool_]
    returned: sparse.csr_matrix

    @classmethod
    def of(cls, inputs: MiningInputs, history: History) -> Rules:
        """The rules by the day's `product_features` and `returned`."""
        frame = inputs.frame("product_features", _FEATURES)
        rows = dict(zip(frame[PRODUCT].to_pylist(), frame.to_pylist(), strict=True))
        why = [_why_blocked(rows.get(product)) for product in history.products]
        names = [rows.get(product, {}).get("name") or product for product in history.products]
        return cls(
            names=np.array(names, dtype=object),
            blocked=np.array(why, dtype=object),
            is_shown=np.array([reason is None for reason in why], dtype=bool),
            returned=_returned(inputs, history),
        )

    def allowed(self, history: History, rows: npt.NDArray[np.int64], which: str) -> npt.NDArray[np.bool_]:
        """(len(rows), n_products) what a list may hold: not blocked, not returned, and new or known as the list says."""
        shown = self.is_shown[None, :] & (self.returned[rows].toarray() == 0)
        if which == "for_you":
            return np.asarray(shown)
        bought = history.counts[rows].toarray() > 0
        return np.asarray(shown & (~bought if which == "discover" else bought))


def _why_blocked(product: dict[str, object] | None) -> str | None:
    if product is None:
        return "unknown"
    if product[KIND] not in (None, "goods"):
        return "not_goods"
    if product["listed"] is False:
        return "not_listed"
    return "out_of_stock" if product["in_stock"] is False else None


def _returned(inputs: MiningInputs, history: History) -> sparse.csr_matrix:
    frame = inputs.frame("returned", (CUSTOMER, PRODUCT))
    customer = positions(history.customers, text_array(frame[CUSTOMER]))
    product = positions(history.products, text_array(frame[PRODUCT]))
    known = (customer >= 0) & (product >= 0)
    return sparse.csr_matrix((np.ones(known.sum()), (customer[known], product[known])), shape=history.counts.shape)
