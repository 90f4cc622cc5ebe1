"""The steps features, fit and apply on a real staging database: done once, as of their days, and honest about failures."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.invented_shop import SHOP, land, write_shop
from harness.reports import list_runs
from shopmine.errors import ConfigError, DataError, NotFoundError
from shopmine.features.tasks import build_features
from shopmine.mining.registry import MODELS
from shopmine.mining.tasks import apply_model, explain_recommendation, fit_model
from shopmine.prepare.tasks import prepare
from shopmine.staging.artifacts import read_artifact
from shopmine.staging.runs import open_run, run_artifacts
from unit.features.facts import START, Line
from unit.mining.shop_of_lines import DAY, invent_lines

if TYPE_CHECKING:
    from shopmine.staging.database import Database


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return write_shop(tmp_path, monkeypatch)


def start(staging: Database, day: date) -> int:
    run = open_run(staging, shop="invented", day=day, known_at=None, started_by="test", config={}).run
    prepare(staging, run)
    return run


def mine(staging: Database, day: date) -> tuple[int, dict[str, int]]:
    run = start(staging, day)
    build_features(staging, run)
    for entry in MODELS:
        fit_model(staging, run, entry.name)
        apply_model(staging, run, entry.name)
    return run, run_artifacts(staging, run)


def step(staging: Database, run: int, name: str) -> tuple[str, dict[str, Any]]:
    (record,) = [r for r in list_runs(staging, "invented", 50) if r.context.run == run]
    (found,) = [s for s in record.steps if s.step == name]
    return found.state, dict(found.detail)


@pytest.mark.slow
def test_a_day_is_mined_once_and_fits_last_for_a_week(staging: Database, shops: Path) -> None:
    land(staging, invent_lines())
    monday = DAY - timedelta(days=DAY.weekday())
    assert monday == date(2024, 4, 29)
    saturday = monday - timedelta(days=2)
    _, first = mine(staging, saturday - timedelta(days=1))
    assert read_artifact(staging, first["segments.fit"]).ref.day == monday - timedelta(days=7)

    run, again = mine(staging, saturday - timedelta(days=1))
    assert again == first
    assert step(staging, run, "features") == ("done", {"built": 0, "found": 8, "built_of_earlier_training_days": 0})
    assert step(staging, run, "recommendations.apply")[1] == {
        "artifact": first["recommendations.apply"],
        "unchanged": True,
    }

    _, next_day = mine(staging, saturday)
    fits = {name for name in first if name.endswith((".fit", ".training"))}
    assert {name: next_day[name] for name in fits} == {name: first[name] for name in fits}
    assert next_day["segments.apply"] != first["segments.apply"]

    _, later = mine(staging, monday)
    assert later["segments.fit"] != first["segments.fit"]
    for entry in MODELS:
        artifact = read_artifact(staging, later[f"{entry.name}.apply"])
        assert sorted(artifact.frames) == sorted([*entry.tables, "metrics"])
        assert all(frame.num_rows for name, frame in artifact.frames.items() if name != "rules")
        assert set(artifact.frames["metrics"]["day"].to_pylist()) == {monday}

    features = read_artifact(staging, later["interactions"]).frames
    row = features["returned"].to_pylist()[0]
    run = start(staging, monday)
    build_features(staging, run)
    fit_model(staging, run, "recommendations")
    trace = explain_recommendation(staging, run, row["customer"], row["product"])
    assert set(trace["rules"].values()) == {"returned_last"}
    with pytest.raises(NotFoundError, match="customer 'nobody' bought no goods"):
        explain_recommendation(staging, run, "nobody", row["product"])


@pytest.mark.slow
def test_a_late_correction_changes_only_what_it_is_part_of(staging: Database, shops: Path) -> None:
    lines = invent_lines()
    land(staging, lines)
    day = date(2024, 4, 26)
    _, first = mine(staging, day)
    extra = Line(order="late", product="p00", customer="c000", day=(day - START).days)
    land(staging, [*[line for line in lines if line.date == day], extra])
    _, second = mine(staging, day)
    changed = {name for name in first if first[name] != second[name]}
    of_day = {"customer_features", "product_features", "interactions", "exposures"}
    of_day |= {"segments.apply", "recommendations.apply"}
    assert changed - {"prepare_checks"} == of_day
    assert read_artifact(staging, second["interactions.training"]).ref.day == date(2024, 4, 22)


def test_too_little_data_is_said_and_nothing_fails(staging: Database, shops: Path) -> None:
    land(staging, [Line(order="o", product="p", customer=None, day=0)])
    run, artifacts = mine(staging, START + timedelta(days=2))
    for model, reason in (
        ("segments", "0 customers are too few"),
        ("recommendations", "no known customer bought goods"),
        ("baskets", "1 baskets are too few for rules"),
    ):
        for name in (f"{model}.fit", f"{model}.apply"):
            artifact = read_artifact(staging, artifacts[name])
            assert reason in str(artifact.meta["not_mined"])
            assert not artifact.frames
            state, detail = step(staging, run, name)
            assert state == "not_mined"
            assert detail["reason"].startswith(f"not mined because {reason}")


def test_failures_are_in_the_report_in_words(staging: Database, shops: Path) -> None:
    land(staging, invent_lines())
    run = start(staging, DAY)
    with pytest.raises(DataError, match=r"has no artifact 'training_days' for segments"):
        fit_model(staging, run, "segments")
    build_features(staging, run)
    with pytest.raises(DataError, match=r"has no artifact 'segments.fit'"):
        apply_model(staging, run, "segments")
    assert step(staging, run, "segments.apply")[0] == "failed"
    assert "has no artifact 'segments.fit'" in step(staging, run, "segments.apply")[1]["error"]
    (shops / "invented.toml").write_text(SHOP.replace("max_clusters", "max_cluster"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"invented.toml: models.segments.max_cluster is not .* 'max_clusters'"):
        fit_model(staging, run, "segments")
    with pytest.raises(NotFoundError, match="there is no model 'nothing'"):
        fit_model(staging, run, "nothing")
