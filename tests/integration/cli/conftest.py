"""A staging database with two releases of a made-up shop, and a way to run commands on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from harness.reasons import NAMED, REASONS
from shopmine.staging.leases import hold_lease
from shopmine.staging.releases import publish_release

if TYPE_CHECKING:
    from pathlib import Path

    from shopmine.staging.database import Database


def tables(**segments: str) -> dict[str, pa.Table]:
    customers = [
        {
            "customer": who,
            "segment": which,
            "segment_name_en": "Loyal",
            "segment_name_zh": "忠诚客户",
            "membership": 0.75,
        }
        | {"memberships": '{"s1": 0.75, "s2": 0.25}', "recency_days": 3, "orders": 2, "spend": Decimal("12.5")}
        | {"features": '{"tenure_days": 40}'}
        for who, which in segments.items()
    ]
    recommendations = [
        {"customer": who, "list": "for_you", "rank": n + 1, "product": product, "score": 0.5, "source": "popular"}
        | NAMED
        for who in segments
        for n, product in enumerate("AB")
    ]
    return {
        "customers": pa.Table.from_pylist(customers),
        "segments": pa.table({"segment": ["s1", "s2"], "name_en": ["Loyal", "New"], "customers": [2, 1]}),
        "recommendations": pa.Table.from_pylist(recommendations),
        "reasons": REASONS,
        "similar_products": pa.table(
            {"product": ["A", "a/b"], "rank": [1, 1], "similar": ["B", "A"], "score": [0.5, 0.4]}
        ),
        "audiences": pa.table({"product": ["A"], "rank": [1], "customer": ["ann"], "score": [0.9]}),
        "metrics": pa.table({"model": ["segments"], "metric": ["silhouette"], "value": [0.31]}),
    }


@pytest.fixture
def two_releases(staging: Database) -> tuple[int, int]:
    """Releases of 8 and 9 December 2011; the second is current."""
    found = []
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        for day, who in ((8, {"ann": "s1", "bob": "s1"}), (9, {"ann": "s2", "bob": "s1", "cid/1": "s1"})):
            release = publish_release(
                staging,
                shop="shop",
                day=date(2011, 12, day),
                known_at=None,
                run=1,
                key=str(day),
                tables=tables(**who),
                lease=lease,
            )
            found.append(release.release)
    return found[0], found[1]


@pytest.fixture
def command(staging_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `./shopmine ARGS` in this process; `output` holds stdout and stderr."""
    from shopmine.cli.main import cli
    from shopmine.errors import ShopmineError

    shops = tmp_path / "shops"
    shops.mkdir()
    (shops / "shop.toml").write_text(
        'title = "A shop"\ntimezone = "UTC"\ncurrency = "EUR"\nfirst_day = 2011-12-01\n'
        '[sources.s]\nkind = "files"\nconnection = "shop_files"\n'
        '[sources.s.entities.order_lines]\npath = "*.csv"\nday = "at"\n[sources.s.entities.order_lines.fields]\n'
        + "".join(f'{name} = "{name}"\n' for name in ("order_id", "product", "ordered_at", "quantity", "unit_price"))
        + 'kind = { constant = "sale" }\n[sinks.folder]\nkind = "files"\nconnection = "shop_files"\ntables = ["recommendations"]\n'
    )
    monkeypatch.setenv("SHOPMINE_SHOPS", str(shops))
    monkeypatch.setenv("AIRFLOW_CONN_SHOPMINE_STAGING", staging_url.replace("postgresql+psycopg", "postgresql"))
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_FILES", f"file://{tmp_path}/files")

    def run(*args: str) -> Result:
        result = CliRunner().invoke(cli, [*args])
        if isinstance(result.exception, ShopmineError):
            result.stderr_bytes = f"error: {result.exception}".encode()
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
