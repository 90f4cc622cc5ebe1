"""What became of every row: nothing is lost without a trace."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from shopmine.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Rows of one batch: `read` from the source, `expanded` after unwinding, and where each expanded one went.

    `filtered` are those that the shop's file does not `keep`; `discarded` counts single values, of rows that are kept.

    Raises:
        DataError: they do not add up, which is a fault of the program and never to be written.
    """

    read: int
    expanded: int
    kept: int
    quarantined: int
    duplicates: int
    filtered: int = 0
    discarded: int = 0

    def told(self) -> dict[str, int]:
        """The counts by name; what nothing is left out or discarded of is not named."""
        return {name: n for name, n in asdict(self).items() if n or name not in ("filtered", "discarded")}

    def __post_init__(self) -> None:
        if self.expanded != self.kept + self.quarantined + self.duplicates + self.filtered:
            raise DataError(
                f"{self.expanded} rows are not {self.kept} kept + {self.quarantined} quarantined + "
                f"{self.duplicates} duplicates + {self.filtered} filtered; nothing of this batch is written"
            )
