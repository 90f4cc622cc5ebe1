"""The short part of the kit: each point killed once, some random kills, zombies, lost replies, a full disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shopmine.drill.disk import NoSmallDiskError
from shopmine.drill.plan import MARKS
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


# The server of all tests may lose its checkpoint to a disk that is full, so this is not run beside them.
@pytest.mark.soak
def test_a_full_disk_stops_the_day_and_harms_nothing(drill: Drill) -> None:
    try:
        found = drill.fill_disk()
    except NoSmallDiskError as error:
        pytest.skip(str(error))
    assert found.violations == ()
