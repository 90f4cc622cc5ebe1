"""The short part of the kit: each point killed once, some random kills, zombies, lost replies, a full disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.errors import DiskFull

from shopmine.drill.disk import TABLESPACE, NoSmallDiskError, own_server
from shopmine.drill.plan import MARKS
from shopmine.drill.scratch import postgres
from shopmine.faults import POINTS

if TYPE_CHECKING:
    from shopmine.drill.experiments import Drill

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("point", POINTS)
def test_a_day_that_is_killed_ends_at_the_same_bytes(drill: Drill, point: str) -> None:
    in_new_run = list(POINTS).index(point) % 2 == 1
    found = drill.kill(point, in_new_run=in_new_run)
    assert found.violations == ()
    assert found.result.startswith("killed")
    assert found.n_looks > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_day_that_is_killed_at_any_moment_ends_at_the_same_bytes(drill: Drill, seed: int) -> None:
    assert drill.kill_at_random(seed).violations == ()


@pytest.mark.parametrize("point", ["collect.before_commit", "prepare.computed", "sink.before_swap"])
def test_who_was_stopped_and_replaced_is_refused_and_says_so(drill: Drill, point: str) -> None:
    found = drill.stop(point, must_be_refused=True)
    assert found.violations == ()
    assert found.result.startswith("refused: ")


@pytest.mark.parametrize("what", ["batches", "a release"])
def test_a_reply_that_is_lost_after_the_commit_makes_nothing_double(drill: Drill, what: str) -> None:
    found = drill.trouble(what, MARKS[what], "swallow")
    assert found.violations == ()
    assert found.result == "SourceUnavailableError, then done"


def test_a_full_disk_stops_the_day_and_harms_nothing(drill: Drill) -> None:
    try:
        found = drill.fill_disk()
    except NoSmallDiskError as error:
        pytest.skip(str(error))
    assert found.violations == ()


def test_a_full_disk_is_felt_by_nobody_else(drill: Drill) -> None:
    """The kit's own server cannot write; the one that everybody uses still takes every order, also a checkpoint."""
    try:
        with own_server(drill.scratch) as (moved, disk):
            moved.copy_staging("felt", tablespace=TABLESPACE)
            with postgres(moved.servers) as own, postgres(drill.scratch.servers) as shared:
                own.execute(f"CREATE TABLE filler (text text) TABLESPACE {TABLESPACE}")
                with disk.full(), pytest.raises(DiskFull):
                    own.execute("INSERT INTO filler SELECT repeat(md5(n::text), 30) FROM generate_series(1, 9000) n")
                with disk.full():
                    shared.execute("CHECKPOINT")
                    drill.scratch.drop_staging(drill.scratch.copy_staging("beside"))
                spaces = "SELECT spcname FROM pg_tablespace ORDER BY 1"
                assert [name for (name,) in shared.execute(spaces)] == ["pg_default", "pg_global"]
    except NoSmallDiskError as error:
        pytest.skip(str(error))
