"""Publishing a run: releases, what is carried over, gates, rights, and the way back into the shop's stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from harness.reasons import NAMED, REASONS
from harness.reports import list_runs
from shopmine.config.shops import load_shop
from shopmine.errors import ConfigError, GateError
from shopmine.mining.registry import MODELS
from shopmine.publish import sink_tasks
from shopmine.publish.tasks import publish, remove_from_sinks, write_sink
from shopmine.staging.artifacts import write_artifact
from shopmine.staging.batches import BatchColumn, BatchDraft, land_batches, newest_batches
from shopmine.staging.facts import Counts, Preparation, write_preparations
from shopmine.staging.leases import hold_lease
from shopmine.staging.manifests import freeze_manifest
from shopmine.staging.releases import approve, current_release, find_release, read_release, set_current
from shopmine.staging.rights import record_right
from shopmine.staging.runs import attach_artifact, open_run, record_step

if TYPE_CHECKING:
    from pathlib import Path

    from shopmine.staging.database import Database

D = date(2011, 12, 8)
SHOP = """
title = "A shop"
timezone = "Europe/London"
currency = "GBP"
first_day = 2011-12-01

[sources.store]
kind = "mysql"
connection = "shop_mysql"

[sources.store.entities.order_lines]
table = "lines"
day = "at"
[sources.store.entities.order_lines.fields]
order_id = "id"
product = "product"
customer = "customer"
ordered_at = "at"
quantity = "quantity"
unit_price = "price"
kind = { constant = "sale" }
[sources.store.entities.order_lines.attributes]
country = "country"

[sources.store.entities.products]
from = "order_lines"
[sources.store.entities.products.fields]
product = "product"
kind = { default = "goods", cases = [ { is = "service", product = "^POST$" } ] }

[gates]
list_size = 2
min_volume = 0.2

[sinks.store]
kind = "mysql"
connection = "shop_mysql"
tables = ["customers", "recommendations", "statistics"]

[sinks.documents]
kind = "mongodb"
connection = "shop_mongo"
tables = ["recommendations"]

[sinks.folder]
kind = "files"
connection = "shop_files"
tables = ["recommendations"]
"""


@pytest.fixture(autouse=True)
def shop_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shops"
    folder.mkdir()
    (folder / "shop.toml").write_text(SHOP)
    monkeypatch.setenv("SHOPMINE_SHOPS", str(folder))
    return folder / "shop.toml"


def lines(day: date) -> pa.Table:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [
        {"order_id": f"{day}-1", "line": 1, "product": "A", "customer": "ann", "quantity": Decimal(2)},
        {"order_id": f"{day}-2", "line": 1, "product": "B", "customer": f"new {day}", "quantity": Decimal(1)},
    ]
    more = {"ordered_at": at, "unit_price": Decimal("1.10"), "amount": Decimal("2.20"), "kind": "sale"}
    return pa.Table.from_pylist(
        [row | more | {"attributes": '{"country": "UK", "changed": "2011-12-08 10:00", "no": 7}'} for row in rows]
    )


def facts(db: Database, day: date) -> None:
    """One batch of the day, prepared."""
    draft = BatchDraft(
        source="store",
        entity="order_lines",
        day=day,
        known_at=datetime(2011, 12, 20, tzinfo=UTC),
        known_at_assumed=False,
        columns=(BatchColumn(name="id", type="text"),),
        format="copy",
        lines=[str(day).encode()],
    )
    with hold_lease(db, "shop/store/order_lines", wait_seconds=5) as lease:
        (landed,) = land_batches(db, shop="shop", drafts=[draft], lease=lease)
        products = pa.Table.from_pylist(
            [
                {"product": product, "kind": "service" if product == "POST" else "goods"}
                for product in ("A", "B", "POST")
            ]
        )
        preparation = Preparation(
            batch=landed.batch,
            source="store",
            entity="order_lines",
            day=day,
            rules=load_shop("shop").rules_version("store", "order_lines"),
            counts=Counts(read=2, expanded=2, kept=2, quarantined=0, duplicates=0),
            tables={"order_lines": lines(day), "products": products},
            quarantine=pa.table({name: pa.array([], pa.string()) for name in ("row_key", "reason", "original")}),
        )
        write_preparations(db, shop="shop", preparations=[preparation], lease=lease)
    assert newest_batches(db, "shop")


def segments(**segment: str) -> dict[str, pa.Table]:
    customers = [
        {"customer": who, "segment": which, "recency_days": 1, "spend": Decimal("12.5"), "features": '{"a": 1}'}
        for who, which in segment.items()
    ]
    return {"customers": pa.Table.from_pylist(customers), "segments": pa.table({"segment": ["s1"], "customers": [2]})}


def lists(**products: str) -> dict[str, pa.Table]:
    rows = [
        {
            "customer": who,
            "list": "for_you",
            "rank": n + 1,
            "product": product,
            "score": 0.5,
            **NAMED,
        }
        for who, picked in products.items()
        for n, product in enumerate(picked)
    ]
    metrics = [{"model": "recommendations", "metric": "ndcg@10", "value": 0.4, "baseline": 0.3, "is_champion": True}]
    return {
        "reasons": REASONS,
        "recommendations": pa.Table.from_pylist(rows),
        "metrics": pa.Table.from_pylist([row | {"day": D} for row in metrics]),
    }


RESULTS = {"segments": segments(ann="s1", bob="s1"), "recommendations": lists(ann="AB", bob="BA")}


def a_run(
    db: Database, day: date = D, results: dict | None = None, known_at: datetime | None = None, **not_mined: str
) -> int:
    """A run for which everything but `publish` is done; of the models in `RESULTS` those without results failed, unless they
    say why not; the others found nothing.
    """
    context = open_run(db, shop="shop", day=day, known_at=known_at, started_by="test", config={})
    freeze_manifest(db, context, {("store", "order_lines"): False})
    found = RESULTS if results is None else results
    others = [entry.name for entry in MODELS if entry.name not in RESULTS]
    for model in dict.fromkeys((*found, *not_mined, *others)):
        frames = found.get(model, {})
        reason = {"not_mined": not_mined[model]} if model in not_mined else {}
        key = f"{model} {day} {context.run}"
        made = write_artifact(
            db, key=key, shop="shop", name=f"{model}.apply", day=day, frames=frames, meta=reason, run=context.run
        )
        attach_artifact(db, context.run, f"{model}.apply", made.artifact)
    return context.run


def checks(db: Database, release: int) -> dict[str, tuple[bool, str]]:
    return {
        row["check_name"]: (row["passed"], row["actual"]) for row in read_release(db, release, "checks").to_pylist()
    }


def test_a_run_becomes_the_current_release_with_figures_and_checks(staging: Database) -> None:
    facts(staging, D - timedelta(days=1))
    facts(staging, D)
    run = a_run(staging)
    release = publish(staging, run)
    current = current_release(staging, "shop")
    assert current is not None
    assert (current.release, current.day, current.n_rows["recommendations"]) == (release, D, 4)
    statistics = {
        (row["metric"], row["key"]): row["value"] for row in read_release(staging, release, "statistics").to_pylist()
    }
    assert statistics["revenue", None] == Decimal("4.4")
    assert (statistics["customers", None], statistics["new_customers", None]) == (2, 1)
    assert statistics["revenue_by_country", "UK"] == Decimal("4.4")
    assert not {metric for metric, _ in statistics} & {"revenue_by_changed", "revenue_by_no"}
    found = checks(staging, release)
    assert found["mined_segments"] == (True, f"results of {D}")
    assert found["recommendations_coverage"] == (True, "100.0%")
    assert all(passed for passed, _ in found.values())
    (record,) = list_runs(staging, "shop", 1)
    assert record.steps[-1].detail["release"] == release


def test_the_same_results_twice_are_one_release(staging: Database) -> None:
    run = a_run(staging)
    release = publish(staging, run)
    assert publish(staging, run) == release
    assert publish(staging, a_run(staging)) == release


OTHER = RESULTS | {"recommendations": lists(ann="AB", bob="AB")}


def test_results_that_come_back_are_shown_again_unless_the_shop_is_pinned(staging: Database) -> None:
    release = publish(staging, a_run(staging))
    second = publish(staging, a_run(staging, results=OTHER))
    assert second != release
    publish(staging, a_run(staging))
    assert current_release(staging, "shop").release == release
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        set_current(staging, "shop", second, pin=True, lease=lease)
    publish(staging, a_run(staging))
    assert current_release(staging, "shop").release == second


def test_after_an_older_day_was_approved_the_newer_one_is_shown_again_when_it_is_run(staging: Database) -> None:
    older, run = publish(staging, a_run(staging, D - timedelta(days=1))), a_run(staging)
    newer = publish(staging, run)
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        approve(staging, "shop", older, lease)
    assert current_release(staging, "shop").release == older
    publish(staging, a_run(staging, D - timedelta(days=2)))
    assert current_release(staging, "shop").release == older, "a still older day is only kept"
    assert publish(staging, run) == newer
    assert current_release(staging, "shop").release == newer
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        set_current(staging, "shop", older, pin=True, lease=lease)
    assert publish(staging, run) == newer
    assert current_release(staging, "shop").release == older, "pinned"


def test_a_day_made_while_the_shop_was_pinned_is_shown_when_it_is_run_after_the_pin_ended(staging: Database) -> None:
    older = publish(staging, a_run(staging, D - timedelta(days=1)))
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        set_current(staging, "shop", older, pin=True, lease=lease)
    run = a_run(staging)
    waiting = publish(staging, run)
    assert find_release(staging, "shop", waiting).state == "waiting"
    with hold_lease(staging, "shop/pointer", wait_seconds=5) as lease:
        approve(staging, "shop", older, lease)
    publish(staging, run)
    shown = current_release(staging, "shop")
    assert (shown.release, shown.state) == (waiting, "released")


def test_of_two_runs_of_a_day_the_later_facts_are_shown_whichever_publishes_last(staging: Database) -> None:
    slow, quick = a_run(staging), a_run(staging, results=OTHER)
    shown = publish(staging, quick)
    for _ in range(2):
        assert publish(staging, slow) != shown
        assert current_release(staging, "shop").release == shown
    back = publish(staging, a_run(staging))
    assert current_release(staging, "shop").release == back
    publish(staging, quick)
    assert current_release(staging, "shop").release == back


def test_what_a_model_gave_before_it_failed_is_not_taken_for_the_days_result(staging: Database) -> None:
    run = a_run(staging)
    release = publish(staging, run)
    record_step(staging, run, "segments.fit", "failed", {"error": "no such setting"})
    again = publish(staging, run)
    assert again != release
    assert checks(staging, again)["mined_segments"] == (False, "no results")


def test_a_failed_model_shows_the_last_good_results_marked_stale(staging: Database) -> None:
    first = publish(staging, a_run(staging, D - timedelta(days=3)))
    only_lists = {"recommendations": RESULTS["recommendations"]}
    second = publish(staging, a_run(staging, D - timedelta(days=1), only_lists))
    third = publish(staging, a_run(staging, D, only_lists))
    for release, days in ((second, 2), (third, 3)):
        assert read_release(staging, release, "customers").equals(read_release(staging, first, "customers"))
        stale = [row for row in read_release(staging, release, "metrics").to_pylist() if row["metric"] == "stale_days"]
        assert [(row["model"], row["value"]) for row in stale] == [("segments", float(days))]
        assert not checks(staging, release)["mined_segments"][0]
    detail = {row["check_name"]: row["detail"] for row in read_release(staging, third, "checks").to_pylist()}
    assert "failed in run" in detail["mined_segments"]


def test_what_is_carried_comes_from_the_newest_day_before_of_the_same_view(staging: Database) -> None:
    only_lists = {"recommendations": RESULTS["recommendations"]}
    known_at = datetime(2011, 12, 21, tzinfo=UTC)
    newest = publish(
        staging, a_run(staging, D - timedelta(days=1), RESULTS | {"segments": segments(ann="s1", bob="s3")})
    )
    publish(staging, a_run(staging, D - timedelta(days=2), RESULTS | {"segments": segments(ann="s2", bob="s2")}))
    publish(staging, a_run(staging, D + timedelta(days=1)))
    publish(
        staging,
        a_run(staging, D - timedelta(days=1), RESULTS | {"segments": segments(ann="s4", bob="s4")}, known_at=known_at),
    )
    carried = publish(staging, a_run(staging, D, only_lists))
    assert read_release(staging, carried, "customers").equals(read_release(staging, newest, "customers"))
    as_known = publish(staging, a_run(staging, D, only_lists, known_at=known_at))
    assert read_release(staging, as_known, "customers")["segment"].to_pylist() == ["s4", "s4"]


def test_too_little_data_is_no_failure_and_nothing_is_carried(staging: Database) -> None:
    publish(staging, a_run(staging, D - timedelta(days=1)))
    only_lists = {"recommendations": RESULTS["recommendations"]}
    release = publish(staging, a_run(staging, D, only_lists, segments="2 customers are too few"))
    assert read_release(staging, release, "customers").num_rows == 0
    assert checks(staging, release)["mined_segments"] == (False, "no results")


def test_without_an_earlier_release_the_table_stays_empty_and_says_why(staging: Database) -> None:
    release = publish(
        staging, a_run(staging, results={"recommendations": RESULTS["recommendations"]}, segments="2 customers")
    )
    assert read_release(staging, release, "customers").num_rows == 0
    rows = read_release(staging, release, "checks").to_pylist()
    (row,) = [row for row in rows if row["check_name"] == "mined_segments"]
    assert (row["passed"], row["actual"], row["detail"]) == (False, "no results", "warns only; 2 customers")


def test_a_carried_list_loses_what_must_not_be_shown_by_now(staging: Database) -> None:
    results = RESULTS | {"recommendations": lists(ann="QAB", bob="BA")}
    publish(staging, a_run(staging, D - timedelta(days=1), results))
    facts(staging, D)
    release = publish(staging, a_run(staging, D, {"segments": RESULTS["segments"]}))
    assert read_release(staging, release, "recommendations").num_rows == 5
    with staging.transaction() as connection:
        connection.exec_driver_sql("UPDATE clean.all_products SET listed = false WHERE product = 'A'")
    again = publish(staging, a_run(staging, D + timedelta(days=1), {"segments": RESULTS["segments"]}))
    rows = read_release(staging, again, "recommendations").to_pylist()
    assert [(row["customer"], row["rank"], row["product"]) for row in rows] == [
        ("ann", 1, "Q"), ("ann", 2, "B"), ("bob", 1, "B"),
    ]  # fmt: skip


def test_a_gate_that_fails_leaves_the_last_release(staging: Database) -> None:
    facts(staging, D)
    release = publish(staging, a_run(staging, D - timedelta(days=1)))
    bad = a_run(staging, D, RESULTS | {"recommendations": lists(ann=["A", "POST"], bob="AB")})
    with pytest.raises(GateError, match=r"nothing is published for 2011-12-08.*hidden_products: 1 rows"):
        publish(staging, bad)
    assert current_release(staging, "shop").release == release
    assert list_runs(staging, "shop", 1)[0].steps[-1].detail["failed"] == ["hidden_products"]


def test_a_person_who_objected_is_not_in_the_next_release_at_all(staging: Database) -> None:
    run = a_run(staging)
    first = publish(staging, run)
    record_right(staging, "shop", "ann", "no_personalisation")
    assert {row["customer"] for row in read_release(staging, first, "recommendations").to_pylist()} == {"bob"}
    second = publish(staging, run)
    assert find_release(staging, "shop", second).n_rows["recommendations"] == 2
    assert read_release(staging, second, "customers").num_rows == 2


def test_an_older_day_is_kept_and_its_sinks_stay_untouched(staging: Database, connections: dict) -> None:
    newer, older = a_run(staging), a_run(staging, D - timedelta(days=1))
    publish(staging, newer)
    publish(staging, older)
    assert current_release(staging, "shop").day == D
    assert write_sink(staging, older, "folder", connections) == {}
    assert "not the current one" in list_runs(staging, "shop", 1)[0].steps[-1].detail["reason"]
    assert not list(connections["shop_files"].folder.glob("shopmine_*"))


@pytest.mark.parametrize("sink", ["store", "documents", "folder"])
def test_every_sink_gets_the_current_release_and_gives_a_person_back(staging, connections, sink) -> None:
    run = a_run(staging)
    publish(staging, run)
    written = write_sink(staging, run, sink, connections)
    assert written["recommendations"] == 4
    assert write_sink(staging, run, sink, connections) == written
    record_right(staging, "shop", "ann", "no_profiling")
    removed = remove_from_sinks(staging, "shop", "ann", connections)
    assert removed[sink] == {"recommendations": 2} | ({"customers": 1} if sink == "store" else {})
    assert write_sink(staging, run, sink, connections)["recommendations"] == 2


@pytest.mark.parametrize("sink", ["store", "documents"])
def test_who_is_hidden_while_a_store_is_written_is_gone_with_the_next_run(
    staging, connections, sink, monkeypatch
) -> None:
    run = a_run(staging)
    publish(staging, run)
    read = sink_tasks.read_release

    def read_then_hide(*arguments: object) -> object:
        rows = read(*arguments)
        record_right(staging, "shop", "ann", "no_profiling")
        return rows

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sink_tasks, "read_release", read_then_hide)
        half_hidden = write_sink(staging, run, sink, connections)
    found = write_sink(staging, run, sink, connections)
    assert found["recommendations"] == 2
    assert sum(half_hidden.values()) > sum(found.values()), "some rows were read before"


def test_an_unknown_sink_and_an_unknown_table_are_named(staging: Database, connections, shop_file: Path) -> None:
    run = a_run(staging)
    with pytest.raises(ConfigError, match=r"no sink 'stroe'; it has \['documents', 'folder', 'store'\]"):
        write_sink(staging, run, "stroe", connections)
    shop_file.write_text(SHOP.replace('tables = ["recommendations"]', 'tables = ["recomendations"]'))
    with pytest.raises(ConfigError, match=r"sinks.folder.tables=\['recomendations'\] are not published"):
        write_sink(staging, run, "folder", connections)
