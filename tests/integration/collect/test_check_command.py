"""`./shopmine check`: what it says, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from shopmine.cli.check_command import check

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.config.shops import Shop

SOURCE = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.customers]
table = "member"
day = "snapshot"
key = ["id"]
personal = { email = "hash" }
fields = { customer = "email" }
attributes = { city = "city" }
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, mysql_database: Connection) -> Callable[..., Result]:
    address = f"{mysql_database.user}:{mysql_database.password}@{mysql_database.host}:{mysql_database.port}"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_MYSQL", f"mysql://{address}/{mysql_database.database}")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_KEY", "generic://:a%20key%20that%20is%20long@")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(check, ["shop", *arguments])

    return call


def test_a_right_file_is_shown_with_its_mapping_and_rows_and_no_persons(
    run: Callable[..., Result], execute: Callable[[str], None], write_shop: Callable[..., Shop]
) -> None:
    write_shop(SOURCE)
    execute(
        "CREATE TABLE member (id INT PRIMARY KEY, email TEXT, city TEXT);\nINSERT INTO member VALUES (1, 'ann@x.org', 'Leeds')"
    )
    result = run()
    assert result.exit_code == 0, result.output
    for words in (
        "customer <- email",
        "attributes.city <- city",
        "Leeds",
        "(hidden)",
        "not mined: products",
        "everything is right",
    ):
        assert words in result.output
    assert "ann@" not in result.output
    found = json.loads(run("--json").output)
    assert (found["problems"], found["sources"][0]["entities"][0]["entity"]) == ([], "customers")


def test_every_problem_is_told_and_the_exit_status_is_1(
    run: Callable[..., Result], execute: Callable[[str], None], write_shop: Callable[..., Shop]
) -> None:
    parts = '[models.segments]\nn_clusterz = 5\n[gates]\nmin_coverag = 0.5\nmax_quarantined = 5.0\n[sinks.a]\nkind = "files"\nconnection = "a"\ntables = ["customers"]\nprefix = "-"\n[sinks.b]\nkind = "files"\nconnection = "b"\ntables = ["customer"]\n'
    write_shop(SOURCE.replace('"city"', '"town"') + parts)
    execute("CREATE TABLE member (id INT PRIMARY KEY, email TEXT, city TEXT)")
    result = run()
    assert result.exit_code == 1
    for words in (
        "has no column 'town'",
        "models.segments.n_clusterz",
        "[gates] min_coverag",
        "[gates] max_quarantined=5.0 is outside [0, 1]",
        "sinks.a: sink prefix='-'",
        "sinks.b.tables=['customer'] are not published",
    ):
        assert words in result.output
    assert "6 problems in 'shop'" in str(result.exception)
