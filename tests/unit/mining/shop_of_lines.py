"""A small invented shop: two tastes of customers, a service, a return; the facts and what the features make of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from shopmine.features.baskets import derive_baskets
from shopmine.features.customer_features import derive_customer_features
from shopmine.features.interactions import derive_interactions, derive_returned
from shopmine.features.product_features import derive_product_features
from shopmine.mining.contract import MiningInputs
from unit.features.facts import START, Line, order_lines, products

if TYPE_CHECKING:
    import pyarrow as pa

N_DAYS = 120
DAY = START + timedelta(days=N_DAYS - 1)
PRODUCTS = [f"p{n:02}" for n in range(24)]
CATALOGUE = products([*((p, "goods", p != "p23") for p in PRODUCTS), ("POST", "service", None)])


def invent_lines(seed: int = 5, n_customers: int = 60) -> list[Line]:
    """Even customers like the first half of the products, odd ones the second; some buy much more often."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(n_customers):
        liked = PRODUCTS[:12] if number % 2 == 0 else PRODUCTS[12:]
        for visit in range(int(rng.integers(1, 4) * (4 if number % 5 == 0 else 1))):
            day = int(rng.integers(0, N_DAYS))
            order = f"o{number}-{visit}"
            for product in rng.choice(liked, size=int(rng.integers(1, 5)), replace=False):
                price = Decimal(int(rng.integers(1, 30)))
                lines.append(Line(order=order, product=str(product), customer=f"c{number:03}", day=day, price=price))
            lines.append(Line(order=order, product="POST", customer=f"c{number:03}", day=day, kind="service"))
    first = lines[0]
    back = Line(order="back", product=first.product, customer=first.customer, day=N_DAYS - 1, kind="return", hour=23)
    return [*lines, back]


def later_lines() -> list[Line]:
    """What happens after `DAY`."""
    return [Line(order="later", product=p, customer="c001", day=N_DAYS + 3, quantity=Decimal(99)) for p in PRODUCTS]


def mining_inputs(lines: Sequence[Line], day: date = DAY) -> MiningInputs:
    return inputs_of({"order_lines": order_lines(lines), "products": CATALOGUE}, day)


def inputs_of(facts: dict[str, pa.Table], day: date = DAY) -> MiningInputs:
    frames = {
        "customer_features": derive_customer_features(facts, day),
        "product_features": derive_product_features(facts, day),
        "interactions": derive_interactions(facts, day),
        "returned": derive_returned(facts, day),
        "baskets": derive_baskets(facts, day),
    }
    return MiningInputs(day=day, frames=frames)
