"""The long part of the kit: all points with all actions, and 200 kills at random moments. An hour or more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shopmine.drill.experiments import Outcome
from shopmine.drill.plan import whole_plan

if TYPE_CHECKING:
    from shopmine.drill.experiments import Drill


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_nothing_breaks_whatever_happens(drill: Drill) -> None:
    done = [experiment() for experiment in whole_plan(drill)]
    assert [found for found in done if isinstance(found, Outcome) and found.violations] == []
