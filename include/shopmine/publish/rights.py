"""What persons objected to, applied to frames. Pure; the rights themselves are read by `tasks`, always as of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shopmine.columns import CUSTOMER

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Who objected to what; holds as of now, whatever the day of the release.

    Attributes:
        no_personalisation: customers who must not be recommended anything, nor to anything.
        no_profiling: customers who must not be in a profile (nor be recommended anything).
    """

    no_personalisation: frozenset[str] = frozenset()
    no_profiling: frozenset[str] = frozenset()

    @property
    def no_lists(self) -> frozenset[str]:
        """Customers without lists: recommendations are made from a profile, so an objection to either forbids them."""
        return self.no_personalisation | self.no_profiling

    def forbidden(self, table: str) -> frozenset[str]:
        """Customers who must not be in this published table."""
        return self.no_profiling if table == "customers" else self.no_lists

    def filter(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The tables without the rows that rights forbid; tables without such rows are the same objects."""
        return {name: self._filter_table(name, frame) for name, frame in tables.items()}

    def _filter_table(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        forbidden = self.forbidden(name)
        if not forbidden or CUSTOMER not in frame.columns:
            return frame
        return frame[~frame[CUSTOMER].isin(forbidden)]
