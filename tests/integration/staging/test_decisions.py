"""Recorded decisions: in force from their training day on, whenever a run happens, and only ever added."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from shopmine.errors import ConfigError, DataError
from shopmine.staging.decisions import SETTINGS, TRAINING_DAY, load_decisions, record_decision

if TYPE_CHECKING:
    from shopmine.staging.database import Database

EARLY, LATE = date(2024, 1, 8), date(2024, 2, 5)


def decide(staging: Database, model: str | None, day: date, kind: str, **value: object) -> object:
    return record_decision(
        staging, shop="shop", model=model, in_force_from=day, kind=kind, value=value, by="somebody"
    ).decided_at


def test_settings_are_in_force_from_their_day_on_and_the_last_word_counts(staging: Database) -> None:
    file = {"seed": 1, "n_init": 3}
    decide(staging, "segments", LATE, SETTINGS, n_clusters=7)
    moment = decide(staging, "segments", EARLY, SETTINGS, n_clusters=5, features=["orders", "spend"])
    decide(staging, "segments", EARLY, SETTINGS, n_clusters=6, n_init=None, seed=None)
    decide(staging, "recommendations", EARLY, SETTINGS, n_factors=8)
    decide(staging, None, LATE, TRAINING_DAY)
    found = load_decisions(staging, "shop")
    assert found.training_days() == (LATE,)
    assert found.settings("segments", file, date(2024, 1, 7)) == file
    assert found.settings("segments", file, EARLY) == {**file, "n_clusters": 6, "features": ["orders", "spend"]}
    assert found.settings("segments", file, LATE)["n_clusters"] == 7
    assert file == {"seed": 1, "n_init": 3}

    then = load_decisions(staging, "shop", known_at=moment)
    assert then.settings("segments", file, EARLY)["n_clusters"] == 5
    assert then.training_days() == ()
    assert load_decisions(staging, "other").all == ()


def test_what_is_no_decision_is_refused_in_words(staging: Database) -> None:
    with pytest.raises(ConfigError, match="'champion' is no kind of decision; there are settings and training_day"):
        decide(staging, "segments", EARLY, "champion")
    with pytest.raises(ConfigError, match="a decision settings is about one model"):
        decide(staging, None, EARLY, SETTINGS)
    with pytest.raises(ConfigError, match="a decision training_day is about no single model"):
        decide(staging, "segments", EARLY, TRAINING_DAY)
    with pytest.raises(DataError):
        decide(staging, "segments", EARLY, SETTINGS, n_clusters=EARLY)
