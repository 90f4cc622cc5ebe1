"""Count smoothing: what feedback says was shown without success sinks for that customer, as of any day, and comes back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.invented_shop import NAME, draft, land, land_drafts, write_shop
from harness.stages import run_day
from shopmine.staging.releases import read_release
from unit.mining.shop_of_lines import DAY, invent_lines

if TYPE_CHECKING:
    from shopmine.staging.database import Database

LATER = datetime(2024, 6, 1, tzinfo=UTC)
FEEDBACK = """
[sources.store.entities.feedback]
table = "feedback"
day = "at"
key = ["id"]
[sources.store.entities.feedback.fields]
feedback_id = "id"
customer = "who"
product = "item"
kind = "what"
at = "at"
"""
COLUMNS = {**dict.fromkeys(("id", "who", "item", "what"), "varchar(40)"), "at": "datetime"}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shop(tmp_path, monkeypatch, FEEDBACK)


def tell(staging: Database, day: date, told: list[tuple[str, str, str]]) -> None:
    """Customer, product and kind of what happened on a day."""
    rows = [f"{day}-{n}\t{who}\t{item}\t{what}\t{day} 12:00:00".encode() for n, (who, item, what) in enumerate(told)]
    land_drafts(staging, [draft("feedback", day, COLUMNS, rows)])


def lists(staging: Database, day: date) -> dict[str, list[str]]:
    """Customer -> products of `for_you` by rank."""
    rows = read_release(staging, run_day(staging, NAME, day, {}, LATER).release, "recommendations").to_pylist()
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["rank"]):
        if row["list"] == "for_you":
            found.setdefault(row["customer"], []).append(row["product"])
    return found


@pytest.mark.slow
def test_what_was_shown_in_vain_sinks_a_click_brings_it_back_and_what_is_hidden_is_gone(staging: Database) -> None:
    land(staging, invent_lines())
    before, day, after = DAY - timedelta(days=4), DAY - timedelta(days=3), DAY - timedelta(days=2)
    plain = {each: lists(staging, each) for each in (before, day, after)}
    customer = next(iter(plain[day]))
    product = plain[day][customer][0]
    for ago in range(6, -1, -1):
        tell(staging, day - timedelta(days=ago), [(customer, product, "shown")])
    tell(staging, after, [(customer, product, "clicked")])
    hides = after + timedelta(days=1)
    tell(staging, hides, [(customer, product, "hidden")])

    shown = lists(staging, day)
    assert product not in shown[customer][:1]
    assert len(shown[customer]) == len(plain[day][customer])
    assert lists(staging, after)[customer] == plain[after][customer]
    hidden = lists(staging, hides)
    assert product not in hidden[customer]
    assert len(hidden[customer]) == len(shown[customer])
    tell(staging, before + timedelta(days=40), [(customer, product, "shown")])
    assert lists(staging, day) == shown, "what happens later changes nothing"
