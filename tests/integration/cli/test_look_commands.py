"""The commands that look: what a person and a program read."""

import json

import pytest


@pytest.fixture(autouse=True)
def _published(two_releases) -> None:
    """Every test here looks at the two releases."""


def test_sql_prints_a_table_and_says_its_limit(command) -> None:
    result = command("sql", "SELECT release, customer FROM published.customers ORDER BY 2", "--limit", "2")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["release", "customer"]
    assert "only the first 2 rows are shown" in result.stderr


def test_sql_as_csv_keeps_every_digit_and_null_is_empty(command) -> None:
    result = command("sql", "--csv", "SELECT 0.1::float8 + 0.2 AS f, NULL AS n, '{\"a\": [1]}'::jsonb AS j, 'a,b' AS t")
    assert result.stdout == 'f,n,j,t\n0.30000000000000004,,"{""a"": [1]}","a,b"\n'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM work.runs", "DELETE is not a query"),
        ("/* x */ -- y\n COPY work.runs TO STDOUT", "COPY is not a query"),
        ("SELECT 1; DROP TABLE work.runs", "cannot insert multiple commands"),
        ("WITH x AS (DELETE FROM work.runs RETURNING 1) SELECT * FROM x", "read-only transaction"),
        ("SELECT nothing", "column .nothing. does not exist"),
    ],
)
def test_sql_only_reads_and_passes_the_reason_on(command, query, message) -> None:
    result = command("sql", query)
    assert result.exit_code == 1
    with pytest.raises(Exception, match=message):
        raise result.exception


def test_show_customer_has_all_sections_and_says_where_they_come_from(command, two_releases) -> None:
    text = command("show", "shop", "customer", "ann").stdout
    for part in (
        "Customer ann",
        "spend",
        "12.5",
        "Segment: s2 Loyal 忠诚客户",
        "probability of belonging to it: 75.0%",
    ):
        assert part in text
    for part in ("tenure_days  40", "List for_you:", "1. A", "100% Popular / 热销"):
        assert part in text
    assert f"From release {two_releases[1]} of shop for 2011-12-09" in text


def test_show_reads_an_older_release_by_day_or_number(command, two_releases) -> None:
    by_day = json.loads(command("show", "shop", "customer", "ann", "--day", "2011-12-08", "--json").stdout)
    by_number = json.loads(
        command("show", "shop", "customer", "ann", "--release", str(two_releases[0]), "--json").stdout
    )
    assert by_day == by_number
    assert by_day["segment"]["segment"] == "s1"
    both = command("show", "shop", "customer", "ann", "--day", "2011-12-08", "--release", "1")
    assert "exclude each other" in str(both.exception)


def test_show_product_and_segment(command) -> None:
    product = command("show", "shop", "product", "A").stdout
    for part in ("Product A", "On lists: for_you of 3 customers", "1. B", "1. ann"):
        assert part in product
    assert "Segment s1 Loyal" in command("show", "shop", "segment", "s1").stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("show", "shop", "customer", "amn"), "shows no customer 'amn'; near ones are ann"),
        (("show", "shop", "segment", "s3"), "shows no segment 's3'; near ones are s"),
        (("show", "shop", "product", "Z"), "has no product 'Z'"),
        (("show", "shop", "customer", "ann", "--release", "99"), "has no release 99; the newest are"),
        (("show", "shop", "customer", "ann", "--day", "2011-12-07"), "has no release of 2011-12-07; the newest are"),
        (("show", "shpo", "customer", "ann"), "has no release at all"),
        (("releases", "shpo"), "there is no shop 'shpo'.*did you mean 'shop'"),
        (("compare", "shop", "1", "99"), "no release 99"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(command, args, message) -> None:
    result = command(*args)
    assert result.exit_code == 1
    with pytest.raises(Exception, match=message):
        raise result.exception


def test_why_tells_the_published_rank_and_that_there_is_no_trace(command) -> None:
    text = command("why", "shop", "ann", "B").stdout
    assert "List for_you: rank 2, score 0.5, by popular" in text
    assert "List discover: not on it" in text
    assert "No trace through the model" in text


def test_releases_lists_them_and_marks_the_current_one(command, two_releases) -> None:
    text = command("releases", "shop").stdout
    assert f"{two_releases[1]} *" in text
    found = json.loads(command("releases", "shop", "--json").stdout)
    assert [row["day"] for row in found["releases"]] == ["2011-12-09", "2011-12-08"]
    assert found["is_pinned"] is False


def test_compare_shows_who_moved(command, two_releases) -> None:
    old, new = map(str, two_releases)
    assert "1  s1 Loyal -> s2 New" in command("compare", "shop", old, new).stdout
    found = json.loads(command("compare", "shop", old, new, "--json").stdout)
    assert (found["moved"], found["customers_new"]) == (1, 3)
