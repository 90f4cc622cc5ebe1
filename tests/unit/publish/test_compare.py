"""The difference of two releases."""

import json

import pandas as pd

from shopmine.publish.compare import ReleaseFrames, SegmentMove, compare_releases, render_comparison


def frames(release: int, segments: dict[str, int], picks: dict[str, str], **changes) -> ReleaseFrames:
    rows = [(c, "for_you", n + 1, p) for c, picked in picks.items() for n, p in enumerate(picked)]
    values = {
        "release": release,
        "day": f"2011-12-0{release}",
        "customers": pd.DataFrame({"customer": list(segments), "segment": list(segments.values())}),
        "recommendations": pd.DataFrame(rows, columns=["customer", "list", "rank", "product"]),
        "metrics": pd.DataFrame(
            {"model": ["segments"] * 2, "metric": ["silhouette", "unknown"], "value": [0.31, float("nan")]}
        ),
        "statistics": pd.DataFrame({"metric": ["orders"], "key": [None], "value": [float(release)]}),
        "checks": pd.DataFrame({"check_name": ["coverage"], "passed": [True], "actual": ["90%"]}),
        "names": {"1": "loyal", "2": "new"},
    }
    return ReleaseFrames(**(values | changes))


OLD = frames(1, {"ann": 1, "bob": 1, "cid": 2}, {"ann": "AB", "bob": "AB"})
NEW = frames(
    2,
    {"ann": 2, "bob": 1, "dan": 2},
    {"ann": "AC", "bob": "AB", "dan": "CD"},
    checks=pd.DataFrame({"check_name": ["coverage"] * 2, "passed": [True, False], "actual": ["", ""]}),
)


def test_moves_lists_figures_and_checks_are_found() -> None:
    found = compare_releases(OLD, NEW)
    assert found.moved == 1
    assert found.moves == (
        SegmentMove(old="(none)", new="2 new", customers=1),
        SegmentMove(old="1 loyal", new="2 new", customers=1),
        SegmentMove(old="2 new", new="(none)", customers=1),
    )
    (change,) = found.lists
    assert (change.customers, change.replaced, change.changed) == (2, 0.25, 0.5)
    assert change.gained == (("C", 2), ("D", 1))
    assert change.lost == (("B", 1),)
    assert found.metrics == ()
    assert [(figure.name, figure.old, figure.new) for figure in found.statistics] == [("orders", 1.0, 2.0)]
    assert [(check.name, check.old, check.new) for check in found.checks] == [("coverage", True, False)]


def test_the_text_names_both_releases_and_each_section() -> None:
    text = render_comparison(compare_releases(OLD, NEW))
    assert text.startswith("release 1 (2011-12-01) -> release 2 (2011-12-02)\n")
    assert "Segments: 1 of 3 customers moved" in text
    assert "C (+2), D (+1)" in text
    assert "Metrics: no difference" in text
    assert "orders: 1 -> 2" in text
    assert "coverage: passed -> failed" in text


def test_a_release_does_not_differ_from_itself_and_is_plain_json() -> None:
    found = compare_releases(NEW, NEW)
    assert (found.moved, found.moves, found.metrics, found.statistics, found.checks) == (0, (), (), (), ())
    assert [(change.replaced, change.gained, change.lost) for change in found.lists] == [(0.0, (), ())]
    assert json.loads(json.dumps(found.as_dict()))["new_release"] == 2


def test_empty_releases_compare() -> None:
    empty = pd.DataFrame()
    nothing = frames(1, {}, {}, recommendations=empty, metrics=empty, statistics=empty, checks=empty)
    found = compare_releases(nothing, NEW)
    assert found.customers_old == 0
    assert [figure.name for figure in found.metrics] == ["segments silhouette"]
    assert "none in either release" in render_comparison(compare_releases(nothing, nothing))
