"""What the DAG files share: reading shops' files, a run's day, waiting, and what a failure says."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

import wiring
from shopmine.config.shops import Shop, load_shop
from shopmine.errors import ConfigError, DataError, SourceUnavailableError

NOW = datetime(2024, 5, 10, 1, 30, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    text = """
title = "Tea"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2024-01-01
read_delay_minutes = 240
[sources.store]
kind = "mysql"
connection = "tea_mysql"
[sources.store.entities.products]
table = "products"
day = "snapshot"
[sources.store.entities.products.fields]
product = "sku"
"""
    (tmp_path / "tea.toml").write_text(text, encoding="utf-8")
    return load_shop("tea", tmp_path)


def context(
    *, logical: datetime | None = None, day: str | None = None, known_at: str | None = None, kind: str = "manual"
) -> dict[str, Any]:
    end = logical + timedelta(days=1) if logical else None
    run = SimpleNamespace(logical_date=logical, run_type=kind, data_interval_end=end)
    return {"params": {"day": day, "known_at": known_at}, "dag_run": run}


MIDNIGHT_OF_THE_8TH = datetime(2024, 5, 7, 16, tzinfo=UTC)


def test_a_day_that_is_asked_for_wins(shop: Shop) -> None:
    assert wiring.run_day(shop, context(day="2024-02-29", logical=MIDNIGHT_OF_THE_8TH), NOW) == date(2024, 2, 29)


def test_a_scheduled_or_backfilled_run_has_the_day_of_its_logical_date_in_the_shops_zone(shop: Shop) -> None:
    assert wiring.run_day(shop, context(logical=MIDNIGHT_OF_THE_8TH, kind="backfill"), NOW) == date(2024, 5, 8)


def test_a_run_without_date_or_of_this_moment_has_the_last_complete_day(shop: Shop) -> None:
    assert wiring.run_day(shop, context(), NOW) == date(2024, 5, 9)
    assert wiring.run_day(shop, context(logical=NOW), NOW) == date(2024, 5, 9)


@pytest.mark.parametrize("days_later", [2, 3])
def test_a_backfill_into_a_day_that_is_not_over_is_refused_and_never_mines_another_day(shop: Shop, days_later) -> None:
    today = MIDNIGHT_OF_THE_8TH + timedelta(days=days_later)
    message = rf"2024-05-{8 + days_later} is not over in Asia/Shanghai; the last complete day is 2024-05-09"
    with pytest.raises(ConfigError, match=message):
        wiring.run_day(shop, context(logical=today, kind="backfill"), NOW)
    assert wiring.run_day(shop, context(logical=today, kind="scheduled"), NOW) == date(2024, 5, 9)


def test_a_backfill_after_the_end_of_the_data_keeps_its_day(shop: Shop) -> None:
    ended = shop.model_copy(update={"last_day": date(2024, 3, 1)})
    later = context(logical=MIDNIGHT_OF_THE_8TH, kind="backfill")
    assert wiring.run_day(ended, later, NOW) == date(2024, 5, 8)


def test_a_shop_whose_data_ended_is_run_for_its_last_day(shop: Shop) -> None:
    ended = shop.model_copy(update={"last_day": date(2024, 3, 1)})
    assert wiring.run_day(ended, context(logical=NOW), NOW) == date(2024, 3, 1)


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("8.5.2024", r"day='8\.5\.2024' is not a date"),
        ("2024-05-10", r"2024-05-10 is not over in Asia/Shanghai; the last complete day is 2024-05-09"),
    ],
)
def test_a_wrong_day_is_named(shop: Shop, day: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wiring.run_day(shop, context(day=day), NOW)


def test_known_at_is_an_instant_with_its_offset() -> None:
    assert wiring.run_known_at(context()) is None
    found = wiring.run_known_at(context(known_at="2024-05-01T02:00:00+08:00"))
    assert found == datetime(2024, 4, 30, 18, tzinfo=UTC)
    for wrong in ("2024-05-01T02:00:00", "yesterday"):
        with pytest.raises(ConfigError, match="is not an instant"):
            wiring.run_known_at(context(known_at=wrong))


def test_a_scheduled_run_sleeps_until_the_delay_has_passed_since_midnight(shop: Shop) -> None:
    live = context(logical=datetime(2024, 5, 8, 16, tzinfo=UTC), kind="scheduled")
    with pytest.raises(AirflowRescheduleException) as caught:
        wiring.wait_until_readable(shop, live, datetime(2024, 5, 9, 16, 0, 5, tzinfo=UTC))
    assert caught.value.reschedule_date == datetime(2024, 5, 9, 20, tzinfo=UTC)
    wiring.wait_until_readable(shop, live, datetime(2024, 5, 9, 20, tzinfo=UTC))


def test_a_scheduled_run_after_the_last_day_is_skipped_at_once(shop: Shop) -> None:
    ended = shop.model_copy(update={"last_day": date(2024, 5, 8)})
    last = context(logical=MIDNIGHT_OF_THE_8TH, kind="scheduled")
    wiring.wait_until_readable(ended, last, NOW)
    later = context(logical=MIDNIGHT_OF_THE_8TH + timedelta(days=1), kind="scheduled")
    with pytest.raises(AirflowSkipException, match="the data of tea ends on 2024-05-08"):
        wiring.wait_until_readable(ended, later, NOW)


@pytest.mark.parametrize("kind", ["manual", "backfill", "asset_triggered"])
def test_nobody_else_waits(shop: Shop, kind: str) -> None:
    wiring.wait_until_readable(shop, context(logical=NOW, kind=kind), NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("timezone", '"Mars/Base"'), "timezone = 'Mars/Base' is not known"),
        (("first_day", "2024-01-01T00:00:00"), "first_day = .* is not a date"),
        (("title", "7"), "title = 7 is not a str"),
        (("owner", "[]"), "owner = .* is not a str"),
        (("sources", '"x"'), "sources = 'x' is not a dict"),
        (("sources", '{ "a b" = {} }'), "name 'a b' must be made of"),
    ],
)
def test_a_file_that_would_break_the_dags_is_set_aside(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    lines = {"title": '"T"', "timezone": '"UTC"', "first_day": "2024-01-01", "sources": "{ s = {} }"} | dict([change])
    text = "\n".join(f"{key} = {value}" for key, value in lines.items())
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    (tmp_path / "good.toml").write_text(_good(), encoding="utf-8")
    shops, broken = wiring.read_shops(tmp_path)
    assert [found.name for found in shops] == ["good"]
    with pytest.raises(ValueError, match=reason):
        raise ValueError(broken["bad.toml"])


def _good() -> str:
    return 'title = "T"\ntimezone = "UTC"\nfirst_day = 2024-01-01\nsources = { s = {} }\n'


def test_a_file_whose_name_is_no_shops_name_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "My Shop.toml").write_text(_good(), encoding="utf-8")
    shops, broken = wiring.read_shops(tmp_path)
    assert not shops
    assert "must be made of a-z, 0-9 and _" in broken["My Shop.toml"]


def test_only_what_may_pass_is_tried_again() -> None:
    def decide(error: Exception) -> str:
        return wiring.RETRY_POLICY.evaluate(error, 1, 4).action.value

    assert decide(SourceUnavailableError("gone")) == "retry"
    assert decide(ConfigError("wrong")) == decide(DataError("bad")) == "fail"
    assert decide(OSError("a bug or a killed worker")) == "default"


@pytest.fixture
def alerts() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that keeps what is posted to it."""
    received: list[dict[str, str]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keep)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    thread.join()
    server.server_close()


FAILURE = {
    "ti": SimpleNamespace(dag_id="tea.daily", run_id="r1", task_id="prepare"),
    "exception": DataError("no lines"),
}


def test_a_failure_says_what_failed_and_which_runbook_helps(
    alerts: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url, received = alerts
    monkeypatch.setenv("SHOPMINE_ALERT_URL", url)
    with caplog.at_level(logging.INFO, "shopmine.dags"):
        wiring.FailureNotice("daily")(FAILURE)
    assert "tea.daily / prepare of run r1 failed" in caplog.text
    assert "DataError: no lines. What to do: docs/runbooks/daily.md" in caplog.text
    assert received == [
        {
            "dag": "tea.daily",
            "run": "r1",
            "task": "prepare",
            "error": "DataError: no lines",
            "runbook": "docs/runbooks/daily.md",
        }
    ]


def test_a_notice_never_tells_the_text_of_an_error_that_is_not_ours(
    alerts: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url, received = alerts
    monkeypatch.setenv("SHOPMINE_ALERT_URL", url)
    for error in (ValueError("row 7: ann@x.org"), KeyError("ann@x.org"), None):
        wiring.FailureNotice("daily")({**FAILURE, "exception": error})
    assert [notice["error"].split(" (")[0] for notice in received] == ["ValueError", "KeyError", "NoneType"]
    assert "ann@x.org" not in f"{received} {caplog.text}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/closed", "file:///etc/hostname"])
def test_a_notice_that_cannot_be_delivered_does_not_hide_the_failure(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SHOPMINE_ALERT_URL", url)
    wiring.FailureNotice("daily")(FAILURE)
    assert "no lines" in caplog.text
    assert "SHOPMINE_ALERT_URL" in caplog.text


def test_a_connection_that_may_lack_is_left_to_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEA_FILES", "file:///exports")
    assert set(wiring.connections("tea_files", may_lack=["tea_key"])) == {"tea_files"}
    monkeypatch.setenv("AIRFLOW_CONN_TEA_KEY", "generic://:a-key-that-is-long-enough@")
    assert wiring.connections("tea_files", may_lack=["tea_key"])["tea_key"].password == "a-key-that-is-long-enough"
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_TEA_MYSQL"):
        wiring.connections("tea_mysql")
