"""`run` and `backfill` against a small Airflow that answers as the real one does."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner

from shopmine.cli import run_commands
from shopmine.cli.run_commands import RunFailedError, backfill, run
from shopmine.errors import ConfigError
from shopmine.local.airflow_api import DagRun, TaskState

SHOP = """
title = "A shop"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-01-01
last_day = 2026-01-31
[sources.s]
kind = "files"
connection = "shop_files"
[sources.s.entities.products]
path = "*.csv"
day = "snapshot"
[sources.s.entities.products.fields]
product = "id"
"""


class SmallAirflow:
    """Days are UTC dates here; each has the state that the test gave it."""

    def __init__(self, **states: str) -> None:
        self.states = states
        self.asked: list[tuple[str, object]] = []
        self.polls = 0

    def wait_for_dag(self, dag: str, *, seconds: float) -> None:
        self.asked.append(("dag", dag))

    def trigger(self, dag: str, day: date, zone: object, conf: dict) -> DagRun:
        self.asked.append(("trigger", (day.isoformat(), conf)))
        return DagRun(dag=dag, run="manual", state="queued")

    def outlast(self, say) -> None:
        """This one always answers."""

    def follow(self, dag: str, run: str, *, seconds: float, on_change) -> DagRun:
        for task in self.tasks(dag, run):
            on_change(task)
        return DagRun(dag=dag, run=run, state=self.states["run"])

    def tasks(self, dag: str, run: str) -> list[TaskState]:
        failed = [TaskState(task="publish", state="failed", tries=2, seconds=1.5)]
        return [
            TaskState(task="prepare", state="success", tries=1, seconds=2.0),
            *(failed if "failed" in self.states.values() else []),
        ]

    def task_error(self, dag: str, run: str, task: TaskState) -> str:
        return "GateError: nothing is published"

    def create_backfill(self, dag: str, days: tuple[date, date], zone: object, *, conf: dict) -> int:
        self.asked.append(("backfill", (days[0].isoformat(), days[1].isoformat(), conf)))
        return 7

    def is_backfill_done(self, backfill: int) -> bool:
        self.polls += 1
        return self.polls > 2

    def runs(self, dag: str, days: object, zone: object) -> list[DagRun]:
        found = []
        for day, state in self.states.items():
            at = datetime(2026, 1, int(day[1:]), tzinfo=UTC)
            found.append(DagRun(dag=dag, run=day, state=state if self.polls > 2 else "running", logical_date=at))
        return found


@pytest.fixture
def airflow(tmp_path, monkeypatch):
    (tmp_path / "shop.toml").write_text(SHOP)
    (tmp_path / "open.toml").write_text(SHOP.replace("last_day = 2026-01-31\n", ""))
    monkeypatch.setenv("SHOPMINE_SHOPS", str(tmp_path))
    monkeypatch.setattr(run_commands, "_POLL_SECONDS", 0.0)

    def start(**states: str) -> SmallAirflow:
        small = SmallAirflow(**states)

        @contextmanager
        def api():
            yield small

        monkeypatch.setattr(run_commands, "airflow_api", api)
        return small

    return start


def test_a_run_shows_its_tasks_and_succeeds(airflow) -> None:
    small = airflow(run="success")
    result = CliRunner().invoke(run, ["shop", "2026-01-05", "--known-at", "2026-01-07T00:00:00+08:00"])
    assert result.exit_code == 0
    assert "prepare: success (2.0 s)" in result.stdout
    assert small.asked == [
        ("dag", "shop.daily"),
        ("trigger", ("2026-01-05", {"known_at": "2026-01-07T00:00:00+08:00"})),
    ]


def test_a_failed_run_says_which_task_and_why(airflow) -> None:
    airflow(run="failed")
    result = CliRunner().invoke(run, ["shop", "2026-01-05"])
    assert isinstance(result.exception, RunFailedError)
    assert "publish: GateError: nothing is published" in str(result.exception)


def test_a_backfill_sends_its_whole_configuration_and_waits_for_every_day(airflow) -> None:
    small = airflow(d5="success", d6="success")
    result = CliRunner().invoke(backfill, ["shop", "2026-01-05", "2026-01-06"])
    assert result.exit_code == 0
    assert small.asked[1] == ("backfill", ("2026-01-05", "2026-01-06", {"day": None, "known_at": None}))
    assert "2026-01-05: success" in result.stdout


def test_a_backfill_with_a_failed_and_a_missing_day_fails_and_names_them(airflow) -> None:
    airflow(d5="success", d6="failed")
    result = CliRunner().invoke(backfill, ["shop", "2026-01-05", "2026-01-07"])
    assert isinstance(result.exception, RunFailedError)
    text = str(result.exception)
    assert "2 of 3 days did not succeed" in text
    assert "2026-01-06: failed\n  publish: GateError" in text
    assert "2026-01-07: Airflow made no run" in text


@pytest.mark.parametrize(
    ("command", "args", "message"),
    [
        (run, ["shop", "2025-12-31"], "is outside the data of 'shop', which are from 2026-01-01 to 2026-01-31"),
        (run, ["open", "2999-01-01"], "day 2999-01-01 is not over in Asia/Shanghai; the last complete day is"),
        (backfill, ["open", "2026-01-06", "2999-01-01"], "day 2999-01-01 is not over"),
        (backfill, ["shop", "2026-01-06", "2026-01-05"], "FROM 2026-01-06 is after TO 2026-01-05"),
    ],
)
def test_impossible_days_are_refused(airflow, command, args, message) -> None:
    airflow()
    result = CliRunner().invoke(command, args)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


@pytest.mark.parametrize("args", [["shop", "5.1.2026"], ["shop", "2026-01-05", "--known-at", "2026-01-07"]])
def test_a_mistyped_day_or_instant_is_a_usage_error(airflow, args) -> None:
    airflow()
    assert CliRunner().invoke(run, args).exit_code == 2
