"""How values are shown."""

from datetime import UTC, date, datetime
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner

from shopmine.cli.output import print_csv, print_json, print_table, show_pairs, show_value
from shopmine.cli.show_text import render_why


def printed(function, *args) -> str:
    return CliRunner().invoke(click.Command("c", callback=lambda: function(*args))).stdout


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "True"),
        (0.1 + 0.2, "0.3"),
        (Decimal("1.50"), "1.50"),
        (date(2011, 12, 9), "2011-12-09"),
        (datetime(2011, 12, 9, 1, tzinfo=UTC), "2011-12-09T01:00:00Z"),
        ({"漢": [Decimal("1.5")]}, '{"漢": ["1.5"]}'),
        (b"\x00\xff", "00ff"),
    ],
)
def test_each_value_has_one_text(value: object, text: str) -> None:
    assert show_value(value) == text


def test_a_table_in_a_pipe_is_never_cut_and_brackets_are_no_markup() -> None:
    long = "x" * 500
    lines = printed(print_table, ("name", "n"), [(long, 1), ("[red]用户[/red]", 22)]).splitlines()
    assert lines[2].split() == [long, "1"]
    assert "[red]用户[/red]" in lines[3]


def test_csv_quotes_what_it_must() -> None:
    assert printed(print_csv, ("a", "b"), [(None, 'x"y'), (0.1, "l\n2")]) == 'a,b\n,"x""y"\n0.1,"l\n2"\n'


def test_json_keeps_exact_numbers_as_text_and_whole_ones_as_numbers() -> None:
    assert printed(print_json, {"a": Decimal("1.10"), "b": Decimal("2.00")}) == '{\n  "a": "1.10",\n  "b": 2\n}\n'


def test_pairs_stand_in_columns() -> None:
    assert show_pairs({"a": 1, "long": None}) == ["  a     1", "  long  -"]
    assert show_pairs({}) == []


def test_why_tells_the_rule_in_words_and_each_stage_of_a_candidate() -> None:
    on_it = {"rank": 2, "score": 0.25, "method": "ranker", "removed_by": None, "reasons": []}
    on_it |= {
        "candidate_rank": 3,
        "raw_score": 0.5,
        "factor": 0.5,
        "adds": {"personal": 0.75, "als": -0.5, "text": 0.0},
    }
    removed = {"rank": None, "score": None, "method": None, "reasons": [], "candidate_rank": None}
    lists = {"for_you": on_it, "discover": {**removed, "removed_by": "hidden_by_the_customer"}}
    release = {"release": 7, "shop": "shop", "day": "2024-04-01", "known_at": None, "is_current": True}
    release |= {"created_at": "2024-04-02", "run": 9, "artifacts": {}}
    report = {"customer": "c1", "product": "p1", "name": "lamp", "lists": lists, "methods": {}, "note": None}
    text = render_why({**report, "release": release})
    assert "List for_you: rank 2, score 0.25, by ranker" in text
    assert "among its candidates: rank 3, score 0.5" in text
    assert "times 0.5, by the shop's weights and what was shown in vain" in text
    assert "the ranking adds to its log-odds: personal +0.75, als -0.50" in text
    assert "List discover: not on it: the customer hid it" in text
