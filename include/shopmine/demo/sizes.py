"""How much of the demo shop is made, and its clock: everything ends on the same day, whatever the wall clock says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final
from zlib import crc32

import numpy as np

from shopmine.errors import ConfigError

LAST_DAY: Final = date(2025, 6, 30)
SEED: Final = 20250630


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSize:
    """One size of the demo shop; the counts are exact, lines follow from them.

    Attributes:
        n_orders_per_member: on average, over all days.
        n_styles: styles of each category; a member likes one of them.
        n_bundles: planted pairs of products.
        n_event_days: the last days for which behaviour is kept.
    """

    name: str
    n_members: int
    n_products: int
    n_days: int
    n_orders_per_member: float
    n_styles: int
    n_bundles: int
    n_event_days: int

    @property
    def first_day(self) -> date:
        """The first day with orders."""
        return LAST_DAY - timedelta(days=self.n_days - 1)


_SIZES: Final = (
    DemoSize(
        name="tiny",
        n_members=300,
        n_products=120,
        n_days=120,
        n_orders_per_member=10.5,
        n_styles=3,
        n_bundles=6,
        n_event_days=120,
    ),
    DemoSize(
        name="small",
        n_members=20_000,
        n_products=5_000,
        n_days=547,
        n_orders_per_member=8.0,
        n_styles=8,
        n_bundles=40,
        n_event_days=60,
    ),
    DemoSize(
        name="medium",
        n_members=200_000,
        n_products=20_000,
        n_days=731,
        n_orders_per_member=8.0,
        n_styles=12,
        n_bundles=100,
        n_event_days=14,
    ),
)
SIZES: Final[Mapping[str, DemoSize]] = MappingProxyType({size.name: size for size in _SIZES})


def find_size(name: str) -> DemoSize:
    """The size of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SIZES:
        raise ConfigError(f"size {name!r} is unknown; choose one of {list(SIZES)}")
    return SIZES[name]


def random_stream(seed: int, part: str) -> np.random.Generator:
    """Random numbers of one part of the generator: a change in one part leaves the others as they were."""
    return np.random.default_rng([seed, crc32(part.encode())])
