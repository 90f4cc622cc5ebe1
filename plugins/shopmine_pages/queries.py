"""What the page of releases reads, one function a table of it. Persons who opted out are hidden by the views themselves.

Every function takes a connection of a read-only snapshot, so that one page shows one moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

Row = Mapping[str, Any]

N_RELEASES = 60
N_RUNS = 10
N_DAYS = 7
N_CUSTOMERS = 4
N_SAMPLED = 5
N_PRODUCTS = 100


def _rows(connection: sa.Connection, query: str, **values: object) -> list[Row]:
    return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]


def shops(connection: sa.Connection) -> list[Row]:
    """Each shop that has a run or a release, with its current release and its newest run."""
    return _rows(
        connection,
        """
        SELECT shop, current.release, current.day, current.created_at, current.n_rows,
               coalesce(counts.n_releases, 0) AS n_releases, coalesce(counts.n_waiting, 0) AS n_waiting,
               newest.run, newest.day AS run_day, newest.state AS run_state
        FROM (SELECT shop FROM work.runs UNION SELECT shop FROM published.releases) AS known
        LEFT JOIN (SELECT * FROM published.releases WHERE is_current) AS current USING (shop)
        LEFT JOIN (SELECT shop, count(*) AS n_releases, count(*) FILTER (WHERE state = 'waiting') AS n_waiting
                   FROM published.releases GROUP BY shop) AS counts USING (shop)
        LEFT JOIN (SELECT DISTINCT ON (shop) shop, run, day, state FROM work.runs ORDER BY shop, run DESC) AS newest
              USING (shop)
        ORDER BY shop
        """,
    )


def releases(connection: sa.Connection, shop: str) -> list[Row]:
    """A shop's releases, newest first, with how many checks each passed."""
    return _rows(
        connection,
        """
        SELECT r.*, coalesce(c.n_passed, 0) AS n_passed, coalesce(c.n_checks, 0) AS n_checks
        FROM published.releases AS r
        LEFT JOIN (SELECT release, count(*) AS n_checks, count(*) FILTER (WHERE passed) AS n_passed
                   FROM published.all_checks WHERE shop = :shop GROUP BY release) AS c USING (release)
        WHERE r.shop = :shop ORDER BY r.release DESC LIMIT :most
        """,
        shop=shop,
        most=N_RELEASES,
    )


def runs(connection: sa.Connection, shop: str) -> list[Row]:
    """A shop's newest runs."""
    return _rows(
        connection,
        """
        SELECT run, day, known_at, state, started_by, started_at, finished_at
        FROM work.runs WHERE shop = :shop ORDER BY run DESC LIMIT :most
        """,
        shop=shop,
        most=N_RUNS,
    )


def release(connection: sa.Connection, shop: str, number: int) -> Row | None:
    """One release, None when the shop has none of this number."""
    found = _rows(
        connection,
        "SELECT * FROM published.releases WHERE shop = :shop AND release = :number",
        shop=shop,
        number=number,
    )
    return found[0] if found else None


def checks(connection: sa.Connection, shop: str, number: int) -> list[Row]:
    """What was checked before the release, the failed first."""
    return _rows(
        connection,
        """
        SELECT day, check_name, expected, actual, passed, detail FROM published.all_checks
        WHERE shop = :shop AND release = :number ORDER BY passed, check_name, day
        """,
        shop=shop,
        number=number,
    )


def metrics(connection: sa.Connection, shop: str, number: int) -> list[Row]:
    """How good the models were on days they had not seen, beside a trivial baseline."""
    return _rows(
        connection,
        """
        SELECT model, metric, value, low, high, baseline, is_champion, day FROM published.all_metrics
        WHERE shop = :shop AND release = :number ORDER BY model, metric
        """,
        shop=shop,
        number=number,
    )


def segments(connection: sa.Connection, shop: str, number: int) -> list[Row]:
    """The segments of the customers, largest first."""
    return _rows(
        connection,
        """
        SELECT segment, name_en, name_zh, customers, share, mean, median, born_day, parents
        FROM published.all_segments WHERE shop = :shop AND release = :number ORDER BY customers DESC, segment
        """,
        shop=shop,
        number=number,
    )


def steps(connection: sa.Connection, run: int) -> list[Row]:
    """The run's own report, step by step."""
    return _rows(
        connection,
        "SELECT step, state, detail, updated_at FROM work.run_steps WHERE run = :run ORDER BY updated_at",
        run=run,
    )


def accounting(connection: sa.Connection, run: int) -> list[Row]:
    """What became of the rows that the run read, summed over its days."""
    return _rows(
        connection,
        f"""
        SELECT source, entity, count(*) AS days, min(day) AS first_day, max(day) AS last_day, sum(read) AS read,
               sum(expanded) AS expanded, sum(kept) AS kept, sum(quarantined) AS quarantined,
               sum(duplicates) AS duplicates
        FROM {_READ_BATCHES} GROUP BY source, entity ORDER BY source, entity
        """,  # noqa: S608  a constant of this module
        run=run,
    )


def newest_days(connection: sa.Connection, run: int) -> list[Row]:
    """The same for each of the last days."""
    return _rows(
        connection,
        f"""
        SELECT day, source, entity, read, expanded, kept, quarantined, duplicates FROM {_READ_BATCHES}
        WHERE day > (SELECT day FROM work.runs WHERE run = :run) - {N_DAYS} ORDER BY day DESC, source, entity
        """,  # noqa: S608  constants of this module
        run=run,
    )


_READ_BATCHES = """
    clean.accounting JOIN (SELECT unnest(batches || snapshots) AS batch FROM work.manifests WHERE run = :run) AS frozen
    USING (batch)
"""


def sample_customers(connection: sa.Connection, shop: str, number: int, customer: str | None) -> list[Row]:
    """The asked customer, else a few: those with the most orders of each of the largest segments."""
    return _rows(
        connection,
        """
        SELECT customer, segment, segment_name_en, segment_name_zh, membership, recency_days, orders, spend
        FROM (SELECT *, row_number() OVER (PARTITION BY segment ORDER BY orders DESC NULLS LAST, customer) AS place,
                     count(*) OVER (PARTITION BY segment) AS size
              FROM published.all_customers
              WHERE shop = :shop AND release = :number AND (CAST(:customer AS text) IS NULL OR customer = :customer)) AS c
        WHERE place = 1 ORDER BY size DESC, segment LIMIT :most
        """,
        shop=shop,
        number=number,
        customer=customer,
        most=N_CUSTOMERS,
    )


def recommendations(
    connection: sa.Connection, shop: str, number: int, customers: Sequence[str], most: int
) -> list[Row]:
    """What these customers are recommended, `most` of each list, with the products' names where the shop gives them."""
    return _rows(
        connection,
        """
        WITH shown AS (
            SELECT customer, list, rank, product, score, source, reasons FROM published.all_recommendations
            WHERE shop = :shop AND release = :number AND customer = ANY (:customers) AND rank <= :most)
        SELECT shown.*, named.name AS product_name FROM shown
        LEFT JOIN clean.products AS named ON named.shop = :shop AND named.product = shown.product
        ORDER BY customer, list, rank
        """,
        shop=shop,
        number=number,
        customers=list(customers),
        most=most,
    )
