"""What became of every row: nothing is lost without a trace."""

from __future__ import annotations

from dataclasses import dataclass

from shopmine.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Rows of one batch: `read` from the source, `expanded` after unwinding, and where each expanded one went.

    Raises:
        DataError: they do not add up, which is a fault of the program and never to be written.
    """

    read: int
    expanded: int
    kept: int
    quarantined: int
    duplicates: int

    def __post_init__(self) -> None:
        if self.expanded != self.kept + self.quarantined + self.duplicates:
            raise DataError(
                f"{self.expanded} rows are not {self.kept} kept + {self.quarantined} quarantined + "
                f"{self.duplicates} duplicates; nothing of this batch is written"
            )
