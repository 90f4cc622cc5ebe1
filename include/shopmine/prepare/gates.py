"""Gates on what was prepared: is the day's data whole and sound enough to publish anything from it?

Every gate becomes a row of `checks`, also one that could not be judged (it says why). One that fails stops the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from shopmine.columns import DAY
from shopmine.errors import ConfigError, GateError
from shopmine.prepare.reconcile import OrderMoney, Reconciliation, explain_differences, money

if TYPE_CHECKING:
    from shopmine.prepare.accounting import Accounting

STOP: Final = "stop"
WARN: Final = "warn"
VOLUME: Final = "volume"
QUARANTINED: Final = "quarantined_share"
QUARANTINED_EVER: Final = "quarantined_share_all_days"
RECONCILIATION: Final = "reconciliation"
UNPAID: Final = "unpaid_orders"
_FEWEST_USUAL_DAYS: Final = 3
_FEWEST_USUAL_ROWS: Final = 20
_SHOWN_ORDERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareGates:
    """Limits of the gates, from the shop's `[gates]`; shares are of 1 and inclusive.

    Attributes:
        min_volume: least rows of a day against the usual for its weekday; 0 switches it off.
        max_volume: most rows of a day against the usual for its weekday.
        usual_weeks: so many weeks before the day tell what is usual: the median of those days that had rows.
        allow_empty_days: a day without any row is a day on which the shop was closed; else it stops the run.
        max_quarantined: largest share of rows in quarantine, on the day and over all days.
        quarantined_rows_allowed: so many rows in quarantine never stop a run, whatever their share.
        max_unreconciled: largest share of the money of a store's paid orders that payments and refunds do not explain.
        max_unpaid: largest share of the money of a store's orders of the day for which no payment is known.
        max_days_without_rows: an entity whose newest rows are so many days old stops the run; 0: they may be of any age.
        max_unknown_references: largest share of the products, customers and orders that the day's rows name and that are
            not there.
        max_repeated_keys: largest share of the day's keys that rows of other days have too.
    """

    min_volume: float = 0.1
    max_volume: float = 10.0
    usual_weeks: int = 8
    allow_empty_days: bool = True
    max_quarantined: float = 0.05
    quarantined_rows_allowed: int = 2
    max_unreconciled: float = 0.01
    max_unpaid: float = 0.5
    max_days_without_rows: int = 0
    max_unknown_references: float = 1.0
    max_repeated_keys: float = 1.0

    def __post_init__(self) -> None:
        for name, lowest, highest in _RANGES:
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ConfigError(f"[gates] {name}={value!r} is outside [{lowest}, {highest}]")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> PrepareGates:
        """Take the keys of `[gates]` that are named in `SETTINGS`; the others belong to the gates of a release.

        Raises:
            ConfigError: a value of the wrong type or out of range.
        """
        values = {}
        for field in fields(cls):
            if field.name in settings:
                values[field.name] = _typed(field.name, settings[field.name], type(field.default))
        return cls(**values)


_RANGES: Final = (
    ("min_volume", 0, 1),
    ("max_volume", 1, 1_000_000),
    ("usual_weeks", 1, 520),
    ("max_quarantined", 0, 1),
    ("quarantined_rows_allowed", 0, 1_000_000_000),
    ("max_unreconciled", 0, 1),
    ("max_unpaid", 0, 1),
    ("max_days_without_rows", 0, 36_500),
    ("max_unknown_references", 0, 1),
    ("max_repeated_keys", 0, 1),
)
SETTINGS: Final = frozenset(field.name for field in fields(PrepareGates))
"""Keys of `[gates]` that belong to prepare."""


def _typed(name: str, value: Any, wanted: type) -> Any:
    accepted = (int, float) if wanted is float else wanted
    if isinstance(value, accepted) and isinstance(value, bool) == (wanted is bool):
        return value
    kind = {float: "a number", int: "a whole number", bool: "true or false"}[wanted]
    raise ConfigError(f"[gates] {name}={value!r} is not {kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row of `checks`, besides the day; a check that could not be judged has passed and says why.

    One of level `stop` that fails ends the run; one of level `warn` is only recorded.
    """

    check_name: str
    expected: str
    actual: str
    passed: bool
    detail: str = ""
    level: str = STOP


def check_volume(name: str, day: date, n_rows: Mapping[date, int], gates: PrepareGates) -> Check:
    """The day's rows against the usual for its weekday.

    Args:
        name: source and entity.
        day: the day to judge.
        n_rows: rows read a day; days that are not in it were not read. Later days are not looked at.
        gates: the limits.
    """
    rows = n_rows.get(day, 0)
    before = [n_rows.get(day - timedelta(weeks=week), 0) for week in range(1, gates.usual_weeks + 1)]
    history = [n for n in before if n > 0]
    usual = median(history) if history else 0
    actual = f"{rows} rows"
    if len(history) < _FEWEST_USUAL_DAYS or usual < _FEWEST_USUAL_ROWS:
        why = f"not judged: {len(history)} such weekdays with rows in the {gates.usual_weeks} weeks before, median {usual:g}"
        return Check(check_name=f"{VOLUME} {name}", expected="the usual", actual=actual, passed=True, detail=why)
    expected = f"{gates.min_volume:g} to {gates.max_volume:g} times the usual {usual:g} rows"
    detail = f"{rows / usual:.2f} times the median of {len(history)} such weekdays"
    passed = gates.min_volume * usual <= rows <= gates.max_volume * usual
    if rows == 0:
        passed = gates.allow_empty_days or passed
        detail = "no rows: the shop was closed, or the source gave nothing" if passed else "the source gave nothing"
    return Check(check_name=f"{VOLUME} {name}", expected=expected, actual=actual, passed=passed, detail=detail)


def check_quarantined(name: str, check: str, accounts: Iterable[Accounting], gates: PrepareGates) -> Check:
    """The share of rows in quarantine over these batches; `check` is `QUARANTINED` or `QUARANTINED_EVER`."""
    counts = list(accounts)
    expanded = sum(account.expanded for account in counts)
    quarantined = sum(account.quarantined for account in counts)
    share = quarantined / expanded if expanded else 0.0
    is_few = quarantined <= gates.quarantined_rows_allowed
    return Check(
        check_name=f"{check} {name}",
        expected=f"at most {gates.max_quarantined:.1%}",
        actual=f"{share:.1%}",
        passed=is_few or quarantined <= gates.max_quarantined * expanded,
        detail=f"{quarantined} of {expanded} rows; clean.quarantine has the reasons",
    )


def check_reconciliation(reconciliation: Reconciliation | None, day: date, gates: PrepareGates) -> list[Check]:
    """Orders' money, two checks a store: what was paid agrees, and most of the day's orders are paid.

    Without payments or orders there is one check, which says so.
    """
    if reconciliation is None:
        return [_not_reconciled("the shop has no order lines or no payments")]
    if not reconciliation.orders:
        return [_not_reconciled("the day has no orders, payments or refunds")]
    stores: dict[str, list[OrderMoney]] = {}
    for order in reconciliation.orders:
        stores.setdefault(order.store or "", []).append(order)
    judged = []
    for store, orders in sorted(stores.items()):
        judged.append(_agreement(store, [order for order in orders if not order.is_unpaid], gates))
        judged.append(_payment(store, [order for order in orders if order.day == day], gates))
    return judged


def _not_reconciled(why: str) -> Check:
    return Check(
        check_name=RECONCILIATION,
        expected="lines = payments − refunds",
        actual="",
        passed=True,
        detail=f"not judged: {why}",
    )


def _agreement(store: str, orders: Sequence[OrderMoney], gates: PrepareGates) -> Check:
    lines = _total(order.lines for order in orders)
    received = _total(order.paid - order.refunded for order in orders)
    unexplained = _total(abs(order.difference) for order in orders)
    turnover = _total(max(abs(order.lines), abs(order.paid)) for order in orders)
    n_differing = sum(1 for order in orders if order.difference)
    found = explain_differences(orders, _SHOWN_ORDERS)
    return Check(
        check_name=f"{RECONCILIATION} {store}".strip(),
        expected=f"{money(lines)} (lines of {len(orders)} orders)",
        actual=f"{money(received)} (payments − refunds)",
        passed=unexplained <= Decimal(str(gates.max_unreconciled)) * turnover,
        detail=f"{n_differing} orders differ by {money(unexplained)} in all" + (f": {found}" if found else ""),
    )


def _payment(store: str, orders: Sequence[OrderMoney], gates: PrepareGates) -> Check:
    unpaid = [order for order in orders if order.is_unpaid]
    due, missing = _total(abs(order.lines) for order in orders), _total(abs(order.lines) for order in unpaid)
    found = explain_differences(unpaid, _SHOWN_ORDERS)
    return Check(
        check_name=f"{UNPAID} {store}".strip(),
        expected=f"at most {gates.max_unpaid:.1%} of {money(due)}",
        actual=money(missing),
        passed=missing <= Decimal(str(gates.max_unpaid)) * due,
        detail=f"{len(unpaid)} of {len(orders)} orders of the day are unpaid" + (f": {found}" if found else ""),
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def checks_table(day: date, checks: Sequence[Check]) -> pa.Table:
    """Rows of `day`, `check_name`, `expected`, `actual`, `passed`, `detail`."""
    names = ("check_name", "expected", "actual", "passed", "detail")
    columns = {
        name: pa.array([getattr(check, name) for check in checks], pa.bool_() if name == "passed" else pa.string())
        for name in names
    }
    return pa.table({DAY: pa.array([day] * len(checks), pa.date32()), **columns})


def read_checks(table: pa.Table) -> list[Check]:
    """The checks that `checks_table` made rows of."""
    return [Check(**row) for row in table.drop_columns([DAY]).to_pylist()]


def stop_at_failures(checks: Iterable[Check], *, day: date) -> None:
    """Let the run go on only when every check passed.

    Raises:
        GateError: names each failed check with what was expected and found.
    """
    if failed := [check for check in checks if not check.passed]:
        reasons = "; ".join(f"{c.check_name}: {c.actual}, expected {c.expected} ({c.detail})" for c in failed)
        raise GateError(
            f"nothing is published for {day}, the last release stays: {reasons}. Look into clean.quarantine and "
            "clean.accounting; if it is meant, raise the limit in the shop's [gates]"
        )
