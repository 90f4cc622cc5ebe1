"""Which orders carry a planted fault, come late, or are corrected later: drawn apart, so that no two meet."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.orders import Lines, Orders
from shopmine.demo.settlements import FAULTS, Payments, quiet_orders
from shopmine.demo.sizes import LAST_DAY, random_stream

PRICE_SLIP_CENTS: Final = 10_00  # a corrected line was this much too dear at first
_RECENT_DAYS: Final = 3
_OLD_DAYS: Final = (40, 20)  # days before the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Plants:
    """Order numbers (indices), each sorted; no order is in two of them.

    Attributes:
        faulty: paid wrongly, by `settlements.FAULTS` in this order.
        late: arrive in the source only after it was first loaded, some of the last days, some older.
        corrected: the price of their first line, and the payment, are put right only then.
        unknown_product: their first line names a product that the shop does not have.
        nameless: have one more line, worth nothing, that names no product.
    """

    faulty: npt.NDArray[np.int64]
    late: npt.NDArray[np.int64]
    corrected: npt.NDArray[np.int64]
    unknown_product: npt.NDArray[np.int64]
    nameless: npt.NDArray[np.int64]


def make_plants(orders: Orders, lines: Lines, payments: Payments, seed: int) -> Plants:
    """Draw them from the orders in which nothing else happens."""
    rng = random_stream(seed, "plants")
    quiet = quiet_orders(orders, lines, payments)
    age = (np.datetime64(LAST_DAY) - orders.at[quiet].astype("datetime64[D]")).astype(int)
    recent = rng.permutation(quiet[age < _RECENT_DAYS])
    old = rng.permutation(quiet[(age <= _OLD_DAYS[0]) & (age >= _OLD_DAYS[1])])
    older = rng.permutation(quiet[age > _OLD_DAYS[0]])
    n_recent = max(4, len(orders) // 20_000)
    parts = np.split(recent, [n_recent, 2 * n_recent])
    old_parts = np.split(old, [3, 6])
    faulty, unknown, nameless = np.split(older[: len(FAULTS) + 4], [len(FAULTS), len(FAULTS) + 2])
    return Plants(
        faulty=np.sort(faulty),
        late=np.sort(np.concatenate([parts[0], old_parts[0]])),
        corrected=np.sort(np.concatenate([parts[1], old_parts[1]])),
        unknown_product=np.sort(unknown),
        nameless=np.sort(nameless),
    )
