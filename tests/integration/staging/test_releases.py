"""Releases: all at once or nothing, back in one step, and readers who never wait and never see half."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from harness.reasons import NAMED, REASONS
from shopmine.errors import DataError, LeaseLostError, NotFoundError, SourceUnavailableError
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.releases import (
    Release,
    approve,
    current_release,
    find_release,
    list_releases,
    publish_release,
    read_release,
    set_current,
)
from shopmine.staging.rights import list_rights, record_right

CUSTOMERS = ["ann", "bob", "客户"]


def results(mark: str, n_lists: int = 1) -> dict[str, pa.Table]:
    customers = CUSTOMERS * n_lists
    n = len(customers)
    return {
        "customers": pa.table({"customer": CUSTOMERS, "segment_name_en": [mark] * 3, "spend": ["1.50", "0.001", None]}),
        "recommendations": pa.table(
            {
                "customer": customers,
                "list": [f"list {at // 3}" for at in range(n)],
                "rank": [1] * n,
                "product": [mark] * n,
                "score": [0.1] * n,
                **{name: [value] * n for name, value in NAMED.items()},
            }
        ),
        "reasons": REASONS,
        "audiences": pa.table(
            {"product": ["p"] * 3, "rank": [1, 2, 3], "customer": CUSTOMERS, "score": [3.0, 2.0, 1.0]}
        ),
        "rules": pa.table(
            {"antecedent": [["a", 'b",\\{}']], "consequent": [["c"]], "support_count": [3], "holds_later": [True]}
        ),
        "statistics": pa.table({"day": pa.array([0], pa.date32()), "metric": ["revenue"], "value": [Decimal("9.90")]}),
        "actions": pa.table(
            {"rank": [1, 2], "action": ["call", "order"], "entity": ["customer", "product"], "key": ["ann", "ann"]}
        ),
        "checks": pa.table({"day": pa.array([0], pa.date32()), "check_name": ["volume"], "passed": [True]}),
    }


@pytest.fixture
def publish(staging: Database, lease: Lease):
    def do(
        day: int, mark: str = "x", *, key: str | None = None, known_at: datetime | None = None, **more: object
    ) -> Release:
        return publish_release(
            staging,
            shop=str(more.get("shop", "shop")),
            day=date(2020, 1, day),
            known_at=known_at,
            run=1,
            key=key or mark,
            tables=results(mark),
            lease=lease,
        )

    return do


def shown(staging: Database, query: str) -> list[tuple[object, ...]]:
    with staging.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_a_release_is_shown_and_read_as_given(staging: Database, publish) -> None:
    release = publish(1)
    assert (release.is_current, release.state, release.n_rows["recommendations"]) == (True, "released", 3)
    assert current_release(staging, "shop") == find_release(staging, "shop", release.release) == release
    found = read_release(staging, release.release, "customers").to_pylist()
    assert [(row["customer"], row["spend"]) for row in found] == [
        ("ann", Decimal("1.5")),
        ("bob", Decimal("0.001")),
        ("客户", None),
    ]
    assert read_release(staging, release.release, "rules").to_pylist()[0]["antecedent"] == ["a", 'b",\\{}']
    assert shown(staging, "SELECT shop, release, value, day FROM published.statistics") == [
        ("shop", release.release, Decimal("9.9"), date(1970, 1, 1))
    ]
    assert shown(staging, "SELECT day, release_day FROM published.all_statistics") == [
        (date(1970, 1, 1), date(2020, 1, 1))
    ]
    assert shown(staging, "SELECT is_current, content_hash FROM published.releases") == [(True, release.content_hash)]
    wanted = pa.schema([("customer", pa.string()), ("spend", pa.float64())])
    assert read_release(staging, release.release, "customers", wanted).schema == wanted


def test_equal_results_have_equal_hashes_and_one_key_is_published_once(staging: Database, publish) -> None:
    first, again = publish(1), publish(1)
    assert again == first
    assert publish(2).content_hash == first.content_hash
    assert publish(3, "other").content_hash != first.content_hash
    assert len(list_releases(staging, "shop")) == 3


def test_an_older_day_or_an_earlier_knowledge_is_kept_but_not_shown(staging: Database, publish) -> None:
    newest = publish(5, "newest")
    older = publish(4, "older")
    as_then = publish(5, "as then", known_at=datetime(2020, 1, 6, tzinfo=UTC))
    assert [release.is_current for release in (older, as_then)] == [False, False]
    assert current_release(staging, "shop") == newest
    assert shown(staging, "SELECT DISTINCT product FROM published.recommendations") == [("newest",)]
    assert len(shown(staging, "SELECT DISTINCT release, day FROM published.all_recommendations")) == 3
    corrected = publish(5, "corrected")
    assert current_release(staging, "shop") == corrected
    assert publish(1, "elsewhere", shop="other").is_current


def test_a_rollback_pins_until_approval(staging: Database, publish, lease: Lease) -> None:
    first, second = publish(1, "first"), publish(2, "second")
    assert set_current(staging, "shop", first.release, pin=True, lease=lease).is_current
    waiting = publish(3, "third")
    assert (waiting.state, waiting.is_current) == ("waiting", False)
    assert shown(staging, "SELECT DISTINCT product FROM published.recommendations") == [("first",)]
    approved = approve(staging, "shop", waiting.release, lease)
    assert (approved.state, approved.is_current) == ("released", True)
    assert publish(4, "fourth").is_current
    states = {release.release: release.state for release in list_releases(staging, "shop")}
    assert states[second.release] == "released"


def test_what_is_not_there_and_who_lost_the_lease_change_nothing(staging: Database, publish, lease: Lease) -> None:
    first = publish(1)
    lost = replace(lease, token=lease.token - 1)
    with pytest.raises(NotFoundError, match=r"shop 'shop' has no release 99; ./shopmine releases shop lists them"):
        set_current(staging, "shop", 99, pin=True, lease=lease)
    with pytest.raises(NotFoundError, match="there is no release 99"):
        read_release(staging, 99, "customers")
    with pytest.raises(NotFoundError, match="shop 'other' has no release"):
        find_release(staging, "other", first.release)
    for act in (
        lambda: set_current(staging, "shop", first.release, pin=True, lease=lost),
        lambda: approve(staging, "shop", first.release, lost),
        lambda: publish_release(
            staging, shop="shop", day=date(2020, 1, 2), known_at=None, run=1, key="k", tables=results("x"), lease=lost
        ),
    ):
        with pytest.raises(LeaseLostError):
            act()
    assert list_releases(staging, "shop") == [first]


def test_a_failure_at_any_moment_leaves_nothing(staging: Database, publish, lease: Lease) -> None:
    first = publish(1)
    twice = {**results("x"), "customers": pa.table({"customer": ["ann", "ann"]})}
    parts = {"shop": "shop", "day": date(2020, 1, 2), "known_at": None, "run": 1, "key": "k", "lease": lease}
    with pytest.raises(DataError, match="UniqueViolation"):
        publish_release(staging, tables=twice, **parts)
    with staging.transaction() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE published.stored_statistics ADD CONSTRAINT never CHECK (value <> 9.9) NOT VALID"
        )
    with pytest.raises(DataError, match="CheckViolation never"):
        publish_release(staging, tables=results("x"), **parts)
    assert shown(staging, "SELECT DISTINCT release FROM published.stored_recommendations") == [(first.release,)]
    assert list_releases(staging, "shop") == [first]
    with staging.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE published.stored_statistics DROP CONSTRAINT never")
    assert publish_release(staging, tables=results("x"), **parts).is_current


def test_the_server_ending_the_session_amid_a_publish_leaves_nothing(staging: Database, publish, lease: Lease) -> None:
    first = publish(1)
    with staging.transaction() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
            "CREATE TRIGGER die BEFORE INSERT ON work.releases FOR EACH ROW EXECUTE FUNCTION public.die()"
        )
    with pytest.raises(SourceUnavailableError, match="nothing was written"):
        publish(2)
    assert list_releases(staging, "shop") == [first]
    assert shown(staging, "SELECT DISTINCT release FROM published.stored_customers") == [(first.release,)]


def test_readers_see_exactly_one_release_while_others_are_published_and_rolled_back(
    staging: Database, publish, lease: Lease
) -> None:
    published = [publish(1, "mark 1")]
    done, torn, n_seen = threading.Event(), [], []

    def read() -> None:
        while not done.is_set():
            with staging.snapshot() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")  # a reader never waits
                rows = connection.exec_driver_sql("SELECT release, product FROM published.recommendations").all()
                current = connection.exec_driver_sql(
                    "SELECT release FROM published.releases WHERE is_current"
                ).scalar_one()
                names = connection.exec_driver_sql("SELECT release, segment_name_en FROM published.customers").all()
            n_seen.append(current)
            if {*rows, *names} != {(current, f"mark {current}")} or len(rows) != 3 or len(names) != 3:
                torn.append((current, rows, names))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for day in range(2, 21):
            published.append(publish(day, f"mark {day}"))
            if day % 3 == 0:
                set_current(staging, "shop", published[day // 3].release, pin=False, lease=lease)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert [release.release for release in published] == [*range(1, 21)]
    assert torn == []
    assert len(set(n_seen)) > 5


@pytest.mark.parametrize(
    ("kind", "hidden"),
    [
        ("no_personalisation", {"recommendations", "audiences", "actions"}),
        ("no_profiling", {"recommendations", "audiences", "actions", "customers"}),
        ("deletion", {"recommendations", "audiences", "actions", "customers"}),
    ],
)
def test_who_opts_out_is_hidden_at_once_from_every_release(
    staging: Database, publish, kind: str, hidden: set[str]
) -> None:
    release = publish(1)
    publish(2)
    right = record_right(staging, "shop", "ann", kind)
    assert record_right(staging, "shop", "ann", kind) == right
    record_right(staging, "other", "bob", "deletion")
    assert list_rights(staging, "shop") == [right]
    for table in ("recommendations", "audiences", "customers"):
        for view in (table, f"all_{table}"):
            seen = {row[0] for row in shown(staging, f"SELECT customer FROM published.{view}")}
            assert seen == set(CUSTOMERS) - ({"ann"} if table in hidden else set())
        assert read_release(staging, release.release, table).num_rows == (2 if table in hidden else 3)
    assert shown(staging, "SELECT entity FROM published.actions") == [("product",)]
