"""The lines that every feature counts: those up to the day, counted once, and never those of another day."""

from __future__ import annotations

from datetime import timedelta

from shopmine.features.lines import counted_name, lines_until
from unit.features.facts import START, Line, order_lines

DAY = START + timedelta(days=3)


def test_lines_that_were_counted_are_given_for_their_own_day_only() -> None:
    facts = {"order_lines": order_lines([Line(order=str(n), product="p", customer="c", day=n) for n in range(6)])}
    counted = lines_until(facts, DAY)
    assert counted["order_id"].to_pylist() == ["0", "1", "2", "3"]
    facts[counted_name(DAY)] = counted
    assert lines_until(facts, DAY) is counted
    assert lines_until(facts, DAY - timedelta(days=1))["order_id"].to_pylist() == ["0", "1", "2"]
