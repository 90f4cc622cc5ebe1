"""The gates of a release, on frames small enough to count by hand."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.errors import ConfigError, GateError
from shopmine.publish.gates import (
    GATES,
    Candidate,
    Catalogue,
    GatesConfig,
    PreviousRelease,
    check_release,
    shared_share,
    stop_at_failures,
)
from shopmine.publish.rights import Rights

CONFIG = GatesConfig(list_size=2, min_coverage=0.5)


def customers(**segments: int) -> pd.DataFrame:
    return pd.DataFrame({"customer": list(segments), "segment": list(segments.values()), "recency_days": 3})


def lists(**products: str) -> pd.DataFrame:
    rows = [(c, "for_you", n + 1, p) for c, picked in products.items() for n, p in enumerate(picked)]
    return pd.DataFrame(rows, columns=["customer", "list", "rank", "product"])


def candidate(**changes) -> Candidate:
    values = {
        "tables": {"customers": customers(ann=1, bob=2), "recommendations": lists(ann="AB", bob="BC")},
        "catalogue": Catalogue(
            products=pd.DataFrame(
                {"product": list("ABCS"), "kind": ["goods", None, "goods", "service"], "listed": None}
            )
        ),
        "rights": Rights(),
        "previous": None,
    }
    return Candidate(**(values | changes))


def judged(name: str, config: GatesConfig = CONFIG, **changes):
    (check,) = [check for check in check_release(candidate(**changes), config) if check.check_name.startswith(name)]
    return check


def test_a_good_first_release_passes_every_gate_and_says_what_could_not_be_judged() -> None:
    checks = check_release(candidate(), CONFIG)
    assert [check.check_name for check in checks] == list(GATES)
    assert all(check.passed for check in checks)
    assert {check.check_name for check in checks if check.actual == "not judged"} == {
        "recommendations_changed",
        "segments_changed",
        "not_worse_than_baseline",
    }
    stop_at_failures(checks, day="2011-12-09")


def test_an_empty_release_is_stopped_with_the_models_reasons() -> None:
    checks = check_release(candidate(tables={}, not_mined={"segments": "3 customers are too few"}), CONFIG)
    assert checks[0].detail == "segments: 3 customers are too few"
    with pytest.raises(GateError, match=r"nothing is published for 2011-12-09.*release_not_empty: 0 rows"):
        stop_at_failures(checks, day="2011-12-09")


@pytest.mark.parametrize(("share", "passed"), [(0.5, True), (0.51, False)])
def test_coverage_counts_active_customers_with_a_full_list_and_the_limit_is_inclusive(share, passed) -> None:
    tables = {"customers": customers(ann=1, bob=2), "recommendations": lists(ann="AB", bob="B")}
    check = judged("recommendations_coverage", GatesConfig(list_size=2, min_coverage=share), tables=tables)
    assert (check.actual, check.passed) == ("50.0%", passed)


def test_coverage_leaves_out_those_who_objected_and_those_who_are_gone() -> None:
    people = customers(ann=1, bob=2, cid=2)
    people.loc[people["customer"] == "cid", "recency_days"] = 400
    tables = {"customers": people, "recommendations": lists(ann="AB")}
    check = judged(
        "recommendations_coverage", tables=tables, rights=Rights(persons={"no_personalisation": frozenset({"bob"})})
    )
    assert (check.actual, check.passed) == ("100.0%", True)


def test_change_is_judged_against_the_release_before_unless_it_is_too_old() -> None:
    before = {"customers": customers(ann=1, bob=1), "recommendations": lists(ann="CD", bob="BC")}
    previous = PreviousRelease(release=4, gap_days=1, **before)
    config = GatesConfig(list_size=2, max_recommendations_changed=0.4, max_segments_changed=0.4)
    for name in ("recommendations_changed", "segments_changed"):
        check = judged(name, config, previous=previous)
        assert (check.actual, check.passed) == ("50.0%", False)
        old = PreviousRelease(release=4, gap_days=8, **before)
        assert judged(name, config, previous=old).actual == "not judged"


def test_a_segment_that_split_has_not_lost_its_customers() -> None:
    previous = PreviousRelease(
        release=4, gap_days=1, customers=customers(ann=1, bob=1, cid=1), recommendations=lists(ann="A")
    )
    now = {"customers": customers(ann=1, bob=3, cid=2)}
    lineage = pd.DataFrame({"segment": [1, 2, 3], "parents": [None, [], [1]]})
    assert judged("segments_changed", previous=previous, tables=now).actual == "66.7%"
    assert judged("segments_changed", previous=previous, tables=now | {"segments": lineage}).actual == "33.3%"


@pytest.mark.parametrize("table", ["recommendations", "audiences", "similar_products"])
def test_a_product_that_must_not_be_shown_stops_the_release_wherever_it_is(table) -> None:
    frame = {
        "recommendations": lists(ann="AS"),
        "audiences": pd.DataFrame({"product": ["S"], "customer": ["ann"]}),
        "similar_products": pd.DataFrame({"product": ["A"], "similar": ["S"]}),
    }[table]
    check = judged("hidden_products", tables={table: frame})
    assert (check.passed, check.actual) == (False, "1 rows")
    assert "['S']" in check.detail


def test_null_kind_and_null_listed_count_as_listed_goods() -> None:
    products = pd.DataFrame(
        {"product": list("abcd"), "kind": [None, "goods", "gift", "goods"], "listed": [None, True, True, False]}
    )
    asked = pd.Series(list("abcde"))
    assert list(asked[Catalogue(products=products).hides(asked)]) == ["c", "d"]
    assert list(asked[Catalogue(products=products, is_whole=True).hides(asked)]) == ["c", "d", "e"]
    assert not Catalogue(products=products.head(0), is_whole=True).hides(asked).any(), "nothing at all says nothing"


def test_a_product_that_the_shop_deleted_stops_the_release() -> None:
    catalogue = Catalogue(products=candidate().catalogue.products.head(2), is_whole=True)
    check = judged("hidden_products", catalogue=catalogue)
    assert (check.passed, check.actual) == (False, "1 rows")
    assert "['C']" in check.detail


def test_rights_are_filtered_and_a_leak_stops_the_release() -> None:
    rights = Rights(persons={"no_personalisation": frozenset({"ann"}), "no_profiling": frozenset({"bob"})})
    actions = pd.DataFrame({"rank": [1, 2], "entity": ["customer", "product"], "key": ["ann", "ann"]})
    leaking = candidate(rights=rights, tables={**candidate().tables, "actions": actions})
    check = judged("rights_respected", rights=rights, tables=leaking.tables)
    assert (check.passed, check.actual) == (False, "6 rows")
    rows = {name: pa.Table.from_pandas(frame) for name, frame in leaking.tables.items()}
    filtered = {name: table.to_pandas() for name, table in rights.filter(rows).items()}
    assert list(filtered["customers"]["customer"]) == ["ann"]
    assert filtered["recommendations"].empty
    assert list(filtered["actions"]["entity"]) == ["product"]
    assert judged("rights_respected", rights=rights, tables=filtered).passed
    assert len(leaking.tables["customers"]) == 2


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "passed"),
    [
        ("ndcg@10", 0.30, None, None, False),
        ("ndcg@10", 0.30, 0.20, 0.40, True),  # the interval reaches the baseline
        ("ndcg@10", 0.36, None, None, True),
        ("wape", 0.36, None, None, False),  # an error: lower is better
        ("wape", 0.36, 0.30, 0.40, True),
    ],
)
def test_a_champion_must_not_lose_to_its_baseline_beyond_its_interval(metric, value, low, high, passed) -> None:
    row = {"model": "m", "metric": metric, "value": value, "low": low, "high": high, "baseline": 0.35}
    metrics = pd.DataFrame([row | {"is_champion": True}, row | {"is_champion": False, "value": 0.0, "high": None}])
    check = judged("not_worse_than_baseline", tables={"metrics": metrics})
    assert check.passed is passed


def test_a_gate_set_to_warn_is_recorded_and_does_not_stop() -> None:
    config = GatesConfig(list_size=9, warn=("recommendations_coverage",))
    checks = check_release(candidate(), config)
    assert [(check.check_name, check.level) for check in checks if not check.passed] == [
        ("recommendations_coverage", "warn")
    ]
    stop_at_failures(checks, day="2011-12-09")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_coverge": 0.5}, r"min_coverge is not a setting; did you mean 'min_coverage'"),
        ({"min_coverage": 5}, r"min_coverage=5.0 is outside \[0, 1\]"),
        ({"min_coverage": float("nan")}, r"outside \[0, 1\]"),
        ({"list_size": "ten"}, r"list_size='ten' is not a whole number"),
        ({"list_size": True}, r"list_size=True is not a whole number"),
        ({"warn": ["rights_respected"]}, r"warn=\['rights_respected'\] cannot be set to warn only"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings, message) -> None:
    with pytest.raises(ConfigError, match=message):
        GatesConfig.from_settings(settings)


def test_settings_of_a_shops_file_are_typed() -> None:
    config = GatesConfig.from_settings({"min_coverage": 1, "warn": ["segments_changed"]})
    assert config == GatesConfig(min_coverage=1.0, warn=("segments_changed",))


LISTS = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("PQRS"), unique=True, min_size=1, max_size=4))


@given(LISTS, LISTS)
def test_the_shared_share_equals_the_definition(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    found = shared_share(lists(**old), lists(**new), size=3)
    expected = {c: len(set(new[c][:3]) & set(old[c][:3])) / len(new[c][:3]) for c in sorted(old.keys() & new.keys())}
    assert found.to_dict() == pytest.approx(expected)
