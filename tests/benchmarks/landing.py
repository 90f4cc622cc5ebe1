# ruff: noqa: T201 - it prints what it measures; the SQL is its own
"""A million rows of MariaDB in the staging database, and on to facts, beside a bare COPY of the same rows and beside pandas.

    PYTHONPATH=include:tests .venv/bin/python -m benchmarks.landing [ROWS] [--write]

Each way runs in a process of its own, begun anew, on servers of its own. Ratios are of CPU seconds of all processes, so that
they hold on a busy machine; seconds are printed beside. pandas is given a tenth of the rows, and counted ten times. `--write`
puts the table into docs/benchmarks_landing.md.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd
import psycopg
import sqlalchemy as sa

from benchmarks.stages import SHOP, Bench, Use, bench, measured, play
from shopmine.config.connections import Connection
from shopmine.demo.mysql_loading import open_mysql
from shopmine.staging.batches import newest_batches, read_lines
from shopmine.staging.database import STAGING_CONNECTION, upgrade_database
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from shopmine.staging.database import Database

DAYS = 365
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks_landing.md"
LIMITS = {"landed": 1.5, "landed and prepared": 3.0}
MOST_MB = {"landed": 64, "prepared": 512}
ROWS = """
CREATE TABLE sold (no INT NOT NULL, line INT NOT NULL, at DATETIME NOT NULL, sku VARCHAR(20) NOT NULL, member INT NULL,
 pieces INT NOT NULL, price DECIMAL(10,2) NOT NULL, note VARCHAR(60) NOT NULL, PRIMARY KEY (no, line), KEY (at)) AS
SELECT seq DIV 4 AS no, seq MOD 4 AS line, '2025-01-01' + INTERVAL seq * {days} * 1440 DIV {rows} MINUTE AS at,
 CONCAT('sku-', seq * 7919 MOD 5000) AS sku, NULLIF(seq DIV 4 * 104729 MOD 50000, 0) AS member, 1 + seq MOD 5 AS pieces,
 CAST((100 + seq * 31 MOD 9900) / 100 AS DECIMAL(10,2)) AS price, CONCAT('note of ', MD5(seq)) AS note FROM seq_0_to_{last}
"""
COLUMNS = "no int, line int, at timestamp, sku text, member int, pieces int, price numeric(10,2), note text"
FILE = """
title = "Landing"
timezone = "UTC"
currency = "EUR"
first_day = 2025-01-01
last_day = 2025-12-31
[sources.shop]
kind = "mysql"
connection = "demo_mysql"
[sources.shop.entities.order_lines]
table = "sold"
day = "at"
key = ["no", "line"]
attributes = { note = "note" }
[sources.shop.entities.order_lines.fields]
order_id = "no"
line = "line"
product = "sku"
customer = "member"
ordered_at = "at"
quantity = "pieces"
unit_price = "price"
kind = { constant = "sale" }
"""


def copy_file(url: str, file: str, told: Any) -> None:
    """The limit: COPY of a file into a table without indexes."""
    use = Use()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(f"CREATE TABLE public.copied ({COLUMNS})")
        with connection.cursor().copy("COPY public.copied FROM STDIN") as copy, Path(file).open("rb") as stream:
            while piece := stream.read(1 << 20):
                copy.write(piece)
    use.send(told)


def pandas_way(url: str, source: str, n_rows: int, told: Any) -> None:
    """What many would write."""
    use = Use()
    connection = Connection.parse("source", source)
    address = f"mysql+pymysql://{connection.user}:{connection.password}@{connection.host}:{connection.port}/{connection.database}"
    target = sa.create_engine(url)
    for frame in pd.read_sql(  # noqa: TID251  the other way
        f"SELECT * FROM sold LIMIT {n_rows}", sa.create_engine(address), chunksize=10_000
    ):
        frame.to_sql(
            "framed", target, schema="public", if_exists="append", index=False, method="multi", chunksize=1_000
        )
    use.send(told)


def idle(told: Any) -> None:
    """A process that has imported what a stage imports, and does nothing."""
    use = Use()
    use.send(told)


def make_source(made: Bench, n_rows: int) -> None:
    """Fill the shop's MariaDB, and write its file."""
    with (
        open_mysql(Connection.parse("m", made.connections["demo_mysql"]), create=True) as opened,
        opened.cursor() as cursor,
    ):
        cursor.execute(ROWS.format(days=DAYS, rows=n_rows, last=n_rows - 1))
    (made.shops / f"{SHOP}.toml").write_text(FILE, encoding="utf-8")


def write_file(database: Database, file: Path) -> int:
    """The landed rows as COPY text, in the order of the table's columns; how many."""
    n_rows = 0
    with file.open("wb") as stream:
        for batch in newest_batches(database, SHOP, entity="order_lines"):
            names = [column.name for column in batch.columns]
            places = [names.index(column.split()[0]) for column in COLUMNS.replace("(10,2)", "").split(", ")]
            for line in read_lines(database, batch):
                values = line.split(b"\t")
                stream.write(b"\t".join(values[place] for place in places) + b"\n")
                n_rows += 1
    return n_rows


@click.command()
@click.argument("rows", default=1_000_000, type=click.IntRange(min=10_000))
@click.option("--write", is_flag=True, help="Put the table into docs/benchmarks_landing.md.")
@click.option("--machine", default=f"{os.cpu_count()} cores", show_default=True, help="What it was measured on.")
def main(rows: int, *, write: bool, machine: str) -> None:
    """Measure and judge."""
    with bench() as made:
        database = made.database()
        upgrade_database(database)
        make_source(made, rows)
        run = open_run(
            database, shop=SHOP, day=date(2025, 12, 31), known_at=None, started_by="benchmark", config={}
        ).run
        used = {"idle": measured(made, idle)}
        used["landed"] = measured(made, play, dict(made.connections), "collect.shop", run)
        used["prepared"] = measured(made, play, dict(made.connections), "prepare", run)
        file = made.installation.home / "rows.copy"
        assert write_file(database, file) == rows
        url = made.connections[STAGING_CONNECTION]
        used["copy"] = measured(made, copy_file, url, str(file))
        used["pandas, a tenth"] = measured(made, pandas_way, url, made.connections["demo_mysql"], rows // 10)
        database.close()
    found = judged(used)
    page = page_of(rows, machine, used, found)
    print(page)
    if write:
        PAGE.write_text(page, encoding="utf-8")
    sys.exit(not all(is_kept for _, _, _, is_kept in found))


def judged(used: dict[str, dict[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """What is asked for, what was found, the limit, and whether it is kept."""
    cpu = {way: told["cpu"] + told["servers_cpu"] - used["idle"]["cpu"] for way, told in used.items()}
    landed, both = cpu["landed"] / cpu["copy"], (cpu["landed"] + cpu["prepared"]) / cpu["copy"]
    faster = 10 * cpu["pandas, a tenth"] / cpu["landed"]
    more = {way: used[way]["mb"] - used["idle"]["mb"] for way in MOST_MB}
    found = [
        ("CPU of landing, in COPYs", f"{landed:.2f}", f"at most {LIMITS['landed']}", landed <= LIMITS["landed"]),
        ("CPU of landing and preparing, in COPYs", f"{both:.2f}", f"at most {LIMITS['landed and prepared']}",
         both <= LIMITS["landed and prepared"]),
        ("CPU of pandas, in landings", f"{faster:.1f}", "at least 5", faster >= 5),
    ]  # fmt: skip
    for way, most in MOST_MB.items():
        found.append(
            (f"memory above an idle process, {way}", f"{more[way]} MB", f"at most {most} MB", more[way] <= most)
        )
    return found


def page_of(rows: int, machine: str, used: dict[str, dict[str, Any]], found: list[tuple[str, str, str, bool]]) -> str:
    """The table as a page of the documentation."""
    ways = "\n".join(
        f"| {way} | {told['seconds']} | {told['cpu']} | {told['servers_cpu']} | {told['mb']} |"
        for way, told in used.items()
    )
    limits = "\n".join(f"| {what} | {is_} | {most} | {'yes' if kept else 'no'} |" for what, is_, most, kept in found)
    return f"""# Landing, measured

{rows:,} rows of {DAYS} days from MariaDB into the staging database, and on to facts, beside PostgreSQL's COPY of the same rows
from a file into a table without indexes, and beside pandas with a tenth of the rows. Measured on {machine}; CPU seconds are of the
process and of all servers, so that they hold on a busy machine. Made by `python -m benchmarks.landing {rows} --write`
(with `PYTHONPATH=include:tests`).

| | seconds | CPU seconds, process | CPU seconds, servers | MB, whole process |
|---|---:|---:|---:|---:|
{ways}

| | found | limit | kept |
|---|---:|---:|---|
{limits}
"""


if __name__ == "__main__":
    main()
