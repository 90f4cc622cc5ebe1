"""Typed frames that more than one stage shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from shopmine.columns import CUSTOMER, DAY, PRODUCT, QUANTITY
from shopmine.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """Who bought what and when, up to and including one day; one event = customer × product × day.

    Attributes:
        customers: (n_customers,) ids, sorted, unique.
        products: (n_products,) ids, sorted, unique.
        customer_code, product_code: (n_events,) int32 indices into the two above.
        day: (n_events,) datetime64[D], the shop's local day.
        quantity: (n_events,) float64, pieces bought that day.
        Events are sorted by (customer, product, day), so equal histories are equal arrays.
    """

    customers: npt.NDArray[np.object_]
    products: npt.NDArray[np.object_]
    customer_code: npt.NDArray[np.int32]
    product_code: npt.NDArray[np.int32]
    day: npt.NDArray[np.datetime64]
    quantity: npt.NDArray[np.float64]

    @classmethod
    def from_events(cls, events: pd.DataFrame) -> Interactions:
        """Build from rows of `customer`, `product`, `day`, `quantity`; repeats of a customer, product and day are summed.

        Args:
            events: (n_rows, 4+); not modified.

        Raises:
            DataError: a column is missing or a key is null.
        """
        needed = [CUSTOMER, PRODUCT, DAY, QUANTITY]
        if missing := set(needed) - set(events.columns):
            raise DataError(f"interaction events lack {sorted(missing)}; they have {sorted(events.columns)}")
        if n_null := int(events[needed[:3]].isna().any(axis=1).sum()):
            raise DataError(f"{n_null} of {len(events)} interaction events have a null key; `prepare` rejects those")
        customer_code, customers = pd.factorize(events[CUSTOMER].to_numpy(dtype=object), sort=True)
        product_code, products = pd.factorize(events[PRODUCT].to_numpy(dtype=object), sort=True)
        coded = pd.DataFrame(
            {
                CUSTOMER: customer_code.astype(np.int32),
                PRODUCT: product_code.astype(np.int32),
                DAY: events[DAY].to_numpy(dtype="datetime64[D]"),
                QUANTITY: events[QUANTITY].to_numpy(dtype=np.float64),
            }
        )
        # Sorting by quantity too makes the order of the additions, and so their last bit, independent of the input's order.
        coded = coded.sort_values(needed, ignore_index=True)
        summed = coded.groupby([CUSTOMER, PRODUCT, DAY], sort=True, as_index=False)[QUANTITY].sum()
        return cls(
            customers=customers,
            products=products,
            customer_code=summed[CUSTOMER].to_numpy(dtype=np.int32),
            product_code=summed[PRODUCT].to_numpy(dtype=np.int32),
            day=summed[DAY].to_numpy(dtype="datetime64[D]"),
            quantity=summed[QUANTITY].to_numpy(dtype=np.float64),
        )

    @property
    def n_events(self) -> int:
        """Number of customer × product × day events."""
        return len(self.day)

    def to_frame(self) -> pd.DataFrame:
        """The events as rows of `customer`, `product`, `day`, `quantity`: the inverse of `from_events`."""
        return pd.DataFrame(
            {
                CUSTOMER: self.customers[self.customer_code],
                PRODUCT: self.products[self.product_code],
                DAY: self.day,
                QUANTITY: self.quantity,
            }
        )

    def until(self, day: np.datetime64) -> Interactions:
        """The events up to and including `day`; customers and products without any are left out."""
        return Interactions.from_events(self.to_frame()[self.day <= day])

    def after(self, day: np.datetime64) -> Interactions:
        """The events later than `day`; customers and products without any are left out."""
        return Interactions.from_events(self.to_frame()[self.day > day])

    def matrix(self, weight: npt.NDArray[np.float64] | None = None) -> sparse.csr_matrix:
        """(n_customers, n_products) sum of `weight` a pair; without one, the number of days on which it was bought."""
        data = np.ones(self.n_events) if weight is None else weight
        shape = (len(self.customers), len(self.products))
        return sparse.csr_matrix((data, (self.customer_code, self.product_code)), shape=shape)
