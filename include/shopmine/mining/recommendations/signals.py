"""Signals 行为信号: views, carts, purchases, ratings and refunds as one weight for each customer and product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.errors import ConfigError, DataError

KINDS: Final = ("view", "cart", "purchase", "rating", "refund")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsConfig:
    """How much each kind of signal counts.

    Attributes:
        view, cart, purchase, refund: weight of one such signal, times its value; what is refunded counts against the product.
        rating: weight of each point of a rating above `neutral_rating`; points below count against the product.
        neutral_rating: a rating that says neither yes nor no.
        half_life_days: after so many days a signal counts half; 0: signals do not fade.
    """

    view: float = 0.1
    cart: float = 0.3
    purchase: float = 1.0
    rating: float = 0.5
    refund: float = -1.0
    neutral_rating: float = 3.0
    half_life_days: float = 0.0

    def __post_init__(self) -> None:
        for name in (*KINDS, "neutral_rating"):
            if not np.isfinite(getattr(self, name)):
                raise ConfigError(f"{name}={getattr(self, name)!r} is not a finite number")
        if not 0 <= self.half_life_days < np.inf:
            raise ConfigError(f"half_life_days={self.half_life_days!r} is not a number from 0 on; 0 is no fading")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What happened up to a day: parallel arrays, in any order.

    Attributes:
        customer: (n,) codes from 0.
        product: (n,) codes from 0.
        kind: (n,) one of `KINDS`.
        value: (n,) how often, or the rating given.
        age_days: (n,) days since, 0 is the day itself.
    """

    customer: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]
    kind: npt.NDArray[np.object_]
    value: npt.NDArray[np.float64]
    age_days: npt.NDArray[np.float64]


def weigh_signals(signals: Signals, shape: tuple[int, int], config: SignalsConfig) -> sparse.csr_matrix:
    """(n_customers, n_products) `Σ weight(kind) · value · 0.5^(age / half-life)`; what is not above 0 is left out.

    Args:
        signals: not modified; their order changes no bit.
        shape: numbers of customers and products.
        config: weights and half-life.

    Raises:
        DataError: a kind is unknown, a value is not finite, or a signal is of a day to come.
    """
    if unknown := sorted({str(kind) for kind in np.unique(signals.kind.astype(str))} - set(KINDS)):
        raise DataError(f"signals are of kinds {unknown}; the kinds are {list(KINDS)}")
    if n_bad := int((~np.isfinite(signals.value) | ~(signals.age_days >= 0)).sum()):
        raise DataError(f"{n_bad} of {len(signals.value)} signals have no finite value or are of a later day")
    weight = np.zeros(len(signals.value))
    for kind in KINDS:
        value = signals.value - config.neutral_rating if kind == "rating" else signals.value
        weight = np.where(signals.kind == kind, getattr(config, kind) * value, weight)
    if config.half_life_days:
        weight = weight * np.power(0.5, signals.age_days / config.half_life_days)
    place = signals.customer * shape[1] + signals.product
    order = np.lexsort((weight, place))  # Equal sets of signals add up in the same order.
    pairs, first = np.unique(place[order], return_index=True)
    owner = np.repeat(np.arange(len(pairs)), np.diff(np.append(first, len(order))))
    total = np.bincount(owner, weights=weight[order], minlength=len(pairs))
    kept = total > 0
    cells = (pairs[kept] // max(shape[1], 1), pairs[kept] % max(shape[1], 1))
    return sparse.csr_matrix((total[kept], cells), shape=shape)
