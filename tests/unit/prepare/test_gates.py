"""Gates on a prepared day: what stops it, what does not, and what cannot be judged."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from shopmine.errors import ConfigError, DataError, GateError
from shopmine.prepare.accounting import Accounting
from shopmine.prepare.gates import (
    QUARANTINED,
    PrepareGates,
    check_quarantined,
    check_volume,
    checks_table,
    stop_at_failures,
)

DAY = date(2024, 3, 4)


def volume(rows: int | None, *before: int, **gates: Any) -> tuple[bool, str]:
    n_rows = {DAY - timedelta(weeks=week): n for week, n in enumerate(before, start=1)}
    n_rows |= {DAY - timedelta(days=1): 10**6, DAY + timedelta(weeks=1): 10**6}  # another weekday, and the future
    check = check_volume("s.orders", DAY, n_rows if rows is None else {**n_rows, DAY: rows}, PrepareGates(**gates))
    return check.passed, check.detail


@pytest.mark.parametrize(
    ("rows", "passed"), [(100, True), (10, True), (9, False), (1, False), (1000, True), (1001, False)]
)
def test_volume_is_judged_against_the_usual_of_the_weekday(rows: int, passed: bool) -> None:
    assert volume(rows, 100, 90, 0, 110)[0] is passed


def test_an_empty_day_passes_unless_the_shop_says_otherwise() -> None:
    assert volume(0, 100, 100, 100) == (True, "no rows: the shop was closed, or the source gave nothing")
    assert volume(None, 100, 100, 100)[0]
    assert volume(0, 100, 100, 100, allow_empty_days=False) == (False, "the source gave nothing")


def test_little_history_is_not_judged_and_says_so() -> None:
    assert volume(1, 100, 100) == (
        True,
        "not judged: 2 such weekdays with rows in the 8 weeks before, median 100",
    )
    assert "not judged" in volume(1, 5, 5, 5)[1]
    assert "not judged" in volume(1, 100, 100, 100, usual_weeks=2)[1]


def account(quarantined: int, kept: int) -> Accounting:
    return Accounting(read=kept, expanded=kept + quarantined, kept=kept, quarantined=quarantined, duplicates=0)


@pytest.mark.parametrize(
    ("quarantined", "kept", "passed"), [(5, 95, True), (6, 94, False), (2, 0, True), (3, 0, False), (0, 0, True)]
)
def test_the_share_in_quarantine(quarantined: int, kept: int, passed: bool) -> None:
    check = check_quarantined("s.orders", QUARANTINED, [account(quarantined, kept)], PrepareGates())
    assert check.passed is passed
    assert check.check_name == "quarantined_share s.orders"


def test_a_failed_gate_stops_and_names_what_was_expected() -> None:
    checks = [check_quarantined("s.orders", QUARANTINED, [account(50, 50)], PrepareGates())]
    with pytest.raises(
        GateError, match=r"2024-03-04.*quarantined_share s.orders: 50.0%, expected at most 5.0% \(50 of 100"
    ):
        stop_at_failures(checks, day=DAY)
    stop_at_failures([], day=DAY)
    row = checks_table(DAY, checks).to_pylist()[0]
    assert (row["day"], row["passed"], row["actual"]) == (DAY, False, "50.0%")


def test_rows_that_do_not_add_up_are_never_written() -> None:
    with pytest.raises(DataError, match="3 rows are not 1 kept \\+ 1 quarantined \\+ 0 duplicates"):
        Accounting(read=3, expanded=3, kept=1, quarantined=1, duplicates=0)


def test_settings_are_taken_by_name_and_checked() -> None:
    gates = PrepareGates.from_settings({"min_volume": 0, "allow_empty_days": False, "min_coverage": 0.5})
    assert (gates.min_volume, gates.allow_empty_days, gates.max_volume) == (0, False, 10.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_volume": "a"}, r"\[gates\] min_volume='a' is not a number"),
        ({"min_volume": True}, r"\[gates\] min_volume=True is not a number"),
        ({"usual_weeks": 1.5}, r"\[gates\] usual_weeks=1.5 is not a whole number"),
        ({"allow_empty_days": 1}, r"\[gates\] allow_empty_days=1 is not true or false"),
        ({"max_quarantined": 5}, r"\[gates\] max_quarantined=5 is outside \[0, 1\]"),
        ({"max_quarantined": float("nan")}, r"\[gates\] max_quarantined=nan is outside \[0, 1\]"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PrepareGates.from_settings(settings)
