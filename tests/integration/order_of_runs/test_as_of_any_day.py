"""A day's results depend on that day and what was known of it, never on which days were run before: an invented shop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from harness.invented_shop import NAME, land, write_shop
from harness.stages import artifacts_of, run_day
from shopmine.staging.artifacts import artifact_refs, read_artifact
from shopmine.staging.decisions import SETTINGS, TRAINING_DAY, record_decision
from shopmine.staging.releases import Release, find_release, read_release
from shopmine.staging.tables_work import artifacts
from unit.features.facts import START, Line
from unit.mining.shop_of_lines import DAY, invent_lines, later_lines

if TYPE_CHECKING:
    from shopmine.staging.database import Database

pytestmark = pytest.mark.slow

LATER = datetime(2024, 6, 1, tzinfo=UTC)
MUCH_LATER = datetime(2024, 7, 1, tzinfo=UTC)
MONDAY = date(2024, 4, 22)
DAYS = [MONDAY - timedelta(days=1), MONDAY, MONDAY + timedelta(days=2), DAY]


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shop(tmp_path, monkeypatch)


@pytest.fixture
def history(new_staging: Callable[[], Database]) -> Callable[[], Database]:
    """Another staging database with the shop's lines, as known at `LATER`."""

    def make() -> Database:
        staging = new_staging()
        land(staging, invent_lines())
        return staging

    return make


def hashes(staging: Database, days: Iterable[date], known_at: datetime = LATER) -> dict[date, str]:
    return {day: run_day(staging, NAME, day, {}, known_at).content_hash for day in days}


def contents(staging: Database, release: Release) -> dict[str, str]:
    numbers = artifacts_of(staging, release)
    refs = artifact_refs(staging, list(numbers.values()))
    return {name: ref.content_hash for name, ref in zip(numbers, refs, strict=True)}


def links(staging: Database) -> dict[date, int]:
    """The fits that carry something on: training day -> artifact, the newest of each."""
    wanted = sa.select(artifacts.c.day, artifacts.c.artifact).where(artifacts.c.name == "segments.link")
    with staging.snapshot() as connection:
        return {row.day: row.artifact for row in connection.execute(wanted.order_by(artifacts.c.artifact))}


def test_forwards_backwards_and_alone_are_the_same(history: Callable[[], Database]) -> None:
    forwards, backwards, alone = history(), history(), history()
    found = hashes(forwards, DAYS)
    assert len(set(found.values())) == len(DAYS)
    assert hashes(backwards, reversed(DAYS)) == found
    assert hashes(alone, DAYS[-1:]) == {DAYS[-1]: found[DAYS[-1]]}
    assert hashes(forwards, [*reversed(DAYS), DAYS[1]]) == found, "a second time"
    days = [START + timedelta(days=7 * n) for n in range(18)]
    assert sorted(links(alone)) == days, "every training day was fitted once"
    born = read_release(alone, find_release(alone, NAME, 1).release, "segments")["born_day"].to_pylist()
    assert min(born) < DAYS[-1] - timedelta(days=7), "segments are older than the last fits"


def test_nothing_later_than_the_day_is_in_its_artifacts(history: Callable[[], Database]) -> None:
    staging = history()
    before = run_day(staging, NAME, DAY, {}, LATER)
    # What happens after the day, whenever it is known; and what is known of the day and earlier ones only after T.
    land(staging, later_lines())
    earlier = [line for line in invent_lines() if line.date == MONDAY]
    land(staging, [*earlier, Line(order="late", product="p00", customer="c000", day=(MONDAY - START).days)], MUCH_LATER)
    run_day(staging, NAME, DAY + timedelta(days=8), {}, MUCH_LATER)
    after = run_day(staging, NAME, DAY, {}, LATER)
    assert after.content_hash == before.content_hash
    assert contents(staging, after) == contents(staging, before)
    fresh = history()
    land(fresh, later_lines())
    assert hashes(fresh, [DAY]) == {DAY: before.content_hash}


def test_a_late_row_changes_the_days_that_depend_on_it_and_no_other(history: Callable[[], Database]) -> None:
    staging = history()
    before, links_before = hashes(staging, DAYS), links(staging)
    late = MONDAY + timedelta(days=2)
    lines = [line for line in invent_lines() if line.date == late]
    extra = Line(order="late", product="p00", customer="c000", day=(late - START).days)
    land(staging, [*lines, extra], MUCH_LATER)
    after, links_after = hashes(staging, DAYS, MUCH_LATER), links(staging)
    changed = {day for day in DAYS if before[day] != after[day]}
    assert changed == {day for day in DAYS if day >= late}
    assert {day for day in links_after if links_after[day] != links_before.get(day)} == {
        day for day in links_after if day >= late
    }
    assert hashes(staging, DAYS) == before, "as known before it came"
    fresh = history()
    land(fresh, [*lines, extra], MUCH_LATER)
    assert hashes(fresh, reversed(DAYS), MUCH_LATER) == after


def test_a_decision_counts_from_its_day_on_whenever_days_are_run(
    history: Callable[[], Database],
) -> None:
    now = datetime.max.replace(tzinfo=UTC)
    decided, before = history(), history()
    plain = hashes(before, DAYS, now)
    for staging in (decided, before):
        record_decision(
            staging,
            shop=NAME,
            model="segments",
            in_force_from=MONDAY,
            kind=SETTINGS,
            value={"n_clusters": 2},
            by="somebody",
        )
        record_decision(
            staging,
            shop=NAME,
            model=None,
            in_force_from=DAYS[2],
            kind=TRAINING_DAY,
            value={},
            by="an alarm",
        )
    found = hashes(decided, reversed(DAYS), now)
    assert hashes(before, DAYS, now) == found
    assert {day for day in DAYS if found[day] != plain[day]} == set(DAYS[1:])
    assert DAYS[2] in links(decided)
    assert hashes(decided, DAYS) == plain, "as known before the decisions"


def test_a_training_day_with_too_little_data_passes_on_what_came_before(history: Callable[[], Database]) -> None:
    staging = history()
    record_decision(
        staging,
        shop=NAME,
        model="segments",
        in_force_from=MONDAY - timedelta(days=7),
        kind=SETTINGS,
        value={"min_customers": 1000},
        by="somebody",
    )
    record_decision(
        staging,
        shop=NAME,
        model="segments",
        in_force_from=MONDAY,
        kind=SETTINGS,
        value={"min_customers": None},
        by="somebody",
    )
    now = datetime.max.replace(tzinfo=UTC)
    release = run_day(staging, NAME, MONDAY, {}, now)
    found = {day: read_artifact(staging, artifact) for day, artifact in links(staging).items()}
    assert "not_mined" in found[START].meta
    assert "model" not in found[START].meta, "the first day has too few customers and nothing to pass on"
    silent = found[MONDAY - timedelta(days=7)]
    assert "customers are too few" in str(silent.meta["not_mined"])
    assert silent.meta["model"] == found[MONDAY - timedelta(days=14)].meta["model"]
    born = read_release(staging, release.release, "segments")["born_day"].to_pylist()
    assert min(born) < MONDAY - timedelta(days=7)
    without = run_day(staging, NAME, MONDAY - timedelta(days=1), {}, now)
    assert read_release(staging, without.release, "segments").num_rows == 0
