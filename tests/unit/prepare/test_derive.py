"""One row a key, each column by its own rule, against the rules written with plain Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.config.canonical import CanonicalColumn, CanonicalEntity, ColumnType, Pick
from shopmine.prepare.derive import pick_values
from shopmine.prepare.entities import prepare_batches
from unit.prepare.shops import copy_batch, line_rules

AT = "2024-05-01 10:00:00"
ENTITY = CanonicalEntity(
    name="things",
    about="Things.",
    columns=(
        CanonicalColumn(name="key", type=ColumnType.TEXT, is_required=True),
        CanonicalColumn(name="at", type=ColumnType.TIMESTAMP, pick=Pick.MIN),
        *(CanonicalColumn(name=pick.value, type=ColumnType.TEXT, pick=pick) for pick in Pick),
    ),
    key=("key",),
    time="at",
)
PLAIN: dict[str, Callable[[list[Any]], Any]] = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "min": min,
    "max": max,
    "most_frequent": lambda values: min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0],
}
ROW = st.tuples(
    st.integers(0, 2),
    st.sampled_from("ab"),
    st.none() | st.integers(0, 2),
    st.none() | st.sampled_from(["x", "y", "Z", "é", ""]),
)


@settings(deadline=None)
@given(st.lists(ROW, max_size=15))
def test_each_column_is_picked_by_its_rule(rows: list[tuple[int, str, int | None, str | None]]) -> None:
    rows = sorted(rows, key=lambda row: row[0])  # the source's total order begins with the batch
    times = pa.array([row[2] for row in rows], pa.int64()).cast(pa.timestamp("us", "UTC"))
    values = pa.array([row[3] for row in rows], pa.string())
    columns = {
        "key": pa.array([row[1] for row in rows], pa.string()),
        "at": times,
        **{pick.value: values for pick in Pick},
    }
    fragments = {"a": pa.array([None if row[3] is None else json.dumps(row[3]) for row in rows], pa.string())}
    batch = np.array([row[0] for row in rows], dtype=np.int64)

    picked, batches = pick_values(ENTITY, pa.table(columns), batch, fragments)

    found = {(b, row["key"]): row for b, row in zip(batches.tolist(), picked.to_pylist(), strict=True)}
    assert list(found) == list(dict.fromkeys((row[0], row[1]) for row in rows))
    for (b, key), row in found.items():
        own = [r for r in rows if (r[0], r[1]) == (b, key)]
        in_time = sorted(own, key=lambda r: -1 if r[2] is None else r[2])
        known = [r[3] for r in in_time if r[3] is not None]
        for name, rule in PLAIN.items():
            assert row[name] == (rule(known) if known else None), name
        assert json.loads(row["attributes"]) == ({"a": known[0]} if known else {})


def test_rows_that_a_made_entity_does_not_want_say_nothing_about_it() -> None:
    sold, corrected, returned = (
        ("2", "A", "7", AT, "1", "2.50"),
        ("1", "a", None, AT, "5", "0"),
        ("3", "B", "7", AT, "-1", "4"),
    )
    batch = copy_batch([corrected, sold, returned])
    (everything,) = prepare_batches([batch], line_rules())
    (chosen,) = prepare_batches([batch], line_rules(only={"kind": "^sale$", "unit_price": "> 0"}))
    assert everything.tables["products"].column("product").to_pylist() == ["A", "B"]
    assert chosen.tables["products"].select(["product", "price"]).to_pylist() == [
        {"product": "A", "price": Decimal("2.50")}
    ]
    assert chosen.tables["order_lines"].equals(everything.tables["order_lines"])
