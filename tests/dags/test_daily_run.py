"""A shop's day through the real DAG: every stage, real databases, and what a failure leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import pymysql
import pytest
import sqlalchemy as sa

from harness.shared_servers import ServerUrls, unique_name

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIRST, LAST = date(2024, 1, 1), date(2024, 4, 29)

SHOP_FILE = """
title = "Corner shop"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2024-01-01
last_day = 2024-04-29

[sources.till]
kind = "mysql"
connection = "corner_mysql"

[sources.till.entities.order_lines]
table = "sold"
day = "sold_at"
key = ["id"]
[sources.till.entities.order_lines.fields]
order_id = "basket"
product = "sku"
customer = "card"
ordered_at = "sold_at"
quantity = "pieces"
unit_price = "price"
kind = { constant = "sale" }

[sources.till.entities.orders]
from = "order_lines"
[sources.till.entities.orders.fields]
order_id = "basket"
customer = "card"
ordered_at = "sold_at"

[sources.till.entities.customers]
from = "order_lines"
[sources.till.entities.customers.fields]
customer = "card"

[sources.till.entities.products]
from = "order_lines"
[sources.till.entities.products.fields]
product = "sku"
price = "price"

[sinks.till]
kind = "mysql"
connection = "corner_mysql"
tables = ["customers", "recommendations"]
prefix = "shopmine_"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """The shop: its file's folder, its databases, and an Airflow of its own."""

    shops: Path
    mysql: Connection
    staging: Database
    environment: Mapping[str, str]

    def run(self, dag: str, day: date, /, **conf: object) -> dict[str, Any]:
        """One run of a DAG; `run` is its state, `tasks` the state of each task, `log` all that was said."""
        logical = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Asia/Shanghai"))
        command = [sys.executable, str(HERE / "run_day.py"), str(ROOT / "dags"), f"corner.{dag}", logical.isoformat()]
        done = subprocess.run(
            [*command, json.dumps(conf)],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        log = done.stdout + done.stderr
        assert done.returncode == 0, log[-8000:]
        return {**json.loads(done.stdout.splitlines()[-1]), "log": log}

    def rows(self, query: str) -> list[Any]:
        with self.staging.snapshot() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]


@pytest.fixture
def corner(
    server_urls: ServerUrls, staging: Database, staging_url: str, mysql_database: Connection, tmp_path: Path
) -> Iterator[Corner]:
    import psycopg

    shops = tmp_path / "shops"
    shops.mkdir()
    (shops / "corner.toml").write_text(SHOP_FILE, encoding="utf-8")
    _fill(mysql_database)
    name = unique_name("dags_airflow")
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        url = urlsplit(server_urls.postgres)._replace(path=f"/{name}", scheme="postgresql+psycopg").geturl()
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(ROOT / "include"),
            "SHOPMINE_SHOPS": str(shops),
            "AIRFLOW_CONN_SHOPMINE_STAGING": staging_url.replace("postgresql+psycopg", "postgresql"),
            "AIRFLOW_CONN_CORNER_MYSQL": _uri(mysql_database),
        }
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, env=environment, check=True, capture_output=True, timeout=180)
        yield Corner(shops=shops, mysql=mysql_database, staging=staging, environment=environment)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _uri(connection: Connection) -> str:
    return f"mysql://{connection.user}:{connection.password}@{connection.host}:{connection.port}/{connection.database}"


def _fill(connection: Connection) -> None:
    """120 customers of two tastes, 40 products, four months."""
    random = np.random.default_rng(7)
    rows, n, opened = [], 0, datetime(2024, 1, 1, 9)  # noqa: DTZ001  MySQL's DATETIME has no zone
    for card in range(120):
        rate = 2 if card % 3 else 9
        for basket in range(int(random.poisson(rate)) + 1):
            at = opened + timedelta(days=int(random.integers(0, 120)), minutes=int(random.integers(0, 600)))
            for sku in random.choice(20, size=4, replace=False) + 20 * (card % 2):
                n += 1
                price = f"{5 + sku % 7}.50"
                rows.append(
                    (n, f"B{card}-{basket}", f"P{sku:02}", f"C{card:03}", int(random.integers(1, 4)), price, at)
                )
    login = {"host": connection.host, "port": connection.port, "user": connection.user, "password": connection.password}
    with pymysql.connect(**login, database=connection.database, autocommit=True) as shop, shop.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE sold (id INT PRIMARY KEY, basket VARCHAR(20), sku VARCHAR(10), card VARCHAR(10), pieces INT, "
            "price DECIMAL(10,2), sold_at DATETIME)"
        )
        cursor.executemany("INSERT INTO sold VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)


def test_a_day_is_published_again_is_nothing_new_and_failures_show(corner: Corner) -> None:
    first = corner.run("daily", LAST)
    assert first["run"] == "success", first["log"][-8000:]
    assert set(first["tasks"].values()) == {"success"}
    [(release, day, is_current, content)] = corner.rows(
        "SELECT release, day, is_current, content_hash FROM published.releases"
    )
    assert (day, is_current) == (LAST, True)
    [(customers,)] = corner.rows("SELECT count(*) FROM published.customers")
    assert customers == 120
    assert corner.rows("SELECT state, started_by LIKE 'airflow %' FROM work.runs") == [("finished", True)]
    for secret in {corner.mysql.password, urlsplit(corner.environment["AIRFLOW_CONN_SHOPMINE_STAGING"]).password} - {
        "",
        None,
    }:
        assert secret not in first["log"] or len(secret) < 6

    again = corner.run("daily", LAST)
    assert again["run"] == "success", again["log"][-8000:]
    assert corner.rows("SELECT release, content_hash FROM published.releases") == [(release, content)], "nothing new"

    # One model fails: the others go on, its last good results stay, the run shows red and says why.
    text = (corner.shops / "corner.toml").read_text(encoding="utf-8")
    (corner.shops / "corner.toml").write_text(f"{text}\n[models.recommendations]\nlist_sise = 3\n", encoding="utf-8")
    wrong = corner.run("daily", LAST)
    assert wrong["run"] == "failed"
    assert wrong["tasks"]["recommendations.fit"] == "failed"
    assert wrong["tasks"]["recommendations.apply"] == "upstream_failed"
    assert wrong["tasks"]["segments.apply"] == "success"
    assert wrong["tasks"]["close_run"] == "failed"
    assert "models.recommendations.list_sise is not a setting of this model; did you mean 'list_size'?" in wrong["log"]
    assert "What to do: docs/runbooks/daily.md" in wrong["log"]
    assert corner.rows("SELECT state FROM work.runs ORDER BY run DESC LIMIT 1") == [("failed",)]

    # The source is gone: nothing after it runs, the release stays.
    (corner.shops / "corner.toml").write_text(text.replace('table = "sold"', 'table = "gone"'), encoding="utf-8")
    broken = corner.run("daily", LAST)
    assert broken["run"] == "failed"
    assert broken["tasks"]["collect.till"] == "failed"
    assert broken["tasks"]["publish"] == "upstream_failed"
    assert broken["tasks"]["sinks.till"] == "upstream_failed"
    assert corner.rows("SELECT release FROM published.releases WHERE is_current")


def test_an_older_day_is_kept_and_can_be_brought_back(corner: Corner) -> None:
    newer = corner.run("daily", LAST)
    older = corner.run("daily", LAST, day=(LAST - timedelta(days=1)).isoformat())
    assert newer["run"] == older["run"] == "success", older["log"][-8000:]
    shown = "SELECT release, day FROM published.releases WHERE is_current"
    (late, early) = [row[0] for row in corner.rows("SELECT release FROM published.releases ORDER BY day DESC")]
    assert corner.rows(shown) == [(late, LAST)], "a release for an older day is not made current"

    compared = corner.run("release", LAST, action="compare", release=early, other=late)
    assert compared["tasks"] == {"change_release": "success", "refresh_sinks": "skipped"}, compared["log"][-8000:]
    back = corner.run("release", LAST, action="rollback", release=early)
    assert back["run"] == "success", back["log"][-8000:]
    assert corner.rows(shown) == [(early, LAST - timedelta(days=1))]
    missing = corner.run("release", LAST, action="approve", release=late + 100)
    assert missing["tasks"]["change_release"] == "failed"
    assert f"has no release {late + 100}" in missing["log"]
    assert corner.rows(shown) == [(early, LAST - timedelta(days=1))]
