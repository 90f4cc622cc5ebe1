"""What the shop's own steps did on a day, as rows of `checks`: they tell and stop nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from shopmine.prepare.gates import WARN, Check

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.prepare.accounting import Accounting

Columns = Sequence[tuple[str, str]]
"""Name and type of a batch's columns."""


def check_steps(name: str, entity: EntityConfig, today: Sequence[Accounting]) -> list[Check]:
    """How many rows were filtered out and how many values discarded, where the file says that it may be so.

    Args:
        name: source and entity.
        entity: its part of the file.
        today: the accounts of the day's batches.
    """
    n_rows, kept = sum(account.expanded for account in today), sum(account.kept for account in today)
    checks = []
    if entity.keep is not None:
        n_filtered = sum(account.filtered for account in today)
        checks.append(
            _told(f"filtered {name}", f"kept where {entity.keep}", f"{n_filtered} of {n_rows} rows filtered out")
        )
    if any(entity.contract_of(column) == "discard_value" for column in entity.fields):
        n_values = sum(account.discarded for account in today)
        what = f"{n_values} values of {kept} kept rows"
        checks.append(
            _told(f"discarded_values {name}", "values that fit", what, "clean.quarantine has them, with `discarded`")
        )
    return checks


def check_schema(name: str, now: Columns, before: Columns, since: date) -> list[Check]:
    """Which columns are gone, are new or have another type than before; nothing where none is.

    Args:
        name: source and entity.
        now: the day's columns.
        before: those of an earlier day.
        since: that earlier day.
    """
    was, are = dict(before), dict(now)
    told = [f"{column} is gone" for column in was if column not in are]
    told += [f"{column} is new ({kind})" for column, kind in are.items() if column not in was]
    told += [f"{column} was {was[column]}, is {kind}" for column, kind in are.items() if was.get(column, kind) != kind]
    if not told:
        return []
    return [_told(f"schema {name}", f"the columns of {since}", "; ".join(told), "followed, as the contracts allow it")]


def _told(name: str, expected: str, actual: str, detail: str = "") -> Check:
    return Check(check_name=name, expected=expected, actual=actual, passed=True, detail=detail, level=WARN)
