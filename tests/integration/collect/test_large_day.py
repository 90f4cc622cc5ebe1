"""A day of any size lands in bounded memory, row for row as the source has it, and again as the same batch."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest

from shopmine.staging.batches import newest_batches, read_lines

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

ROWS = 300_000
MOST_BYTES = 48 << 20
SHOP = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.events]
table = "events"
day = "at"
fields = { event_id = "id", type = { constant = "view" }, at = "at" }
attributes = { note = "note" }
"""


@pytest.mark.slow
def test_a_large_day_lands_whole_in_little_memory(
    staging: Database,
    collect: Callable[..., dict[str, int]],
    execute: Callable[[str], None],
    write_shop: Callable[..., Shop],
) -> None:
    write_shop(SHOP)
    execute(
        "CREATE TABLE events (id INT PRIMARY KEY, at DATETIME, note VARCHAR(80));\n"
        f"INSERT INTO events SELECT seq, '2026-03-10' + INTERVAL seq MOD 80000 SECOND, CONCAT(MD5(seq), MD5(-seq)) FROM seq_1_to_{ROWS}"
    )
    tracemalloc.start()
    try:
        collected = collect(10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES, f"{peak >> 20} MB"
    assert collected["rows"] == ROWS
    (batch,) = (found for found in newest_batches(staging, "shop") if found.day == date(2026, 3, 10))
    lines = read_lines(staging, batch)
    assert len(set(lines)) == ROWS
    assert lines == sorted(lines)
    notes = {line.split(b"\t")[0]: line.split(b"\t")[-1] for line in lines}
    wanted = {b"%d" % n: (b"%d" % n, b"%d" % -n) for n in range(1, ROWS, 997)}
    assert {n: notes[n].decode() for n in wanted} == {
        n: "".join(hashlib.md5(part).hexdigest() for part in parts) for n, parts in wanted.items()
    }
    assert collect(10)["batches"] == 0
