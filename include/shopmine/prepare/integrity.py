"""Gates on what rows have to do with one another: what they refer to is there, a key is one row, the newest rows are not old. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import CUSTOMER, DAY, ORDER_ID, PRODUCT, SOURCE
from shopmine.prepare.gates import Check, PrepareGates

FRESHNESS: Final = "freshness"
REFERENCES: Final = "references"
KEYS: Final = "key_uniqueness"
_SHOWN: Final = 5
_PERSONAL: Final = frozenset({CUSTOMER})


@dataclass(frozen=True, slots=True)
class Reference:
    """The column of a fact by which it names a row of another entity, whose key has the same name."""

    entity: str
    column: str
    target: str


ALL_REFERENCES: Final = (
    *(Reference(entity, PRODUCT, "products") for entity in ("order_lines", "reviews", "feedback")),
    *(Reference(entity, CUSTOMER, "customers") for entity in ("order_lines", "reviews")),
    *(Reference(entity, ORDER_ID, "orders") for entity in ("order_lines", "payments", "refunds")),
)
"""What is looked up of each day, where a shop maps both entities."""


def check_freshness(name: str, day: date, n_rows: Mapping[date, int], gates: PrepareGates) -> Check:
    """How old the newest rows are.

    Args:
        name: source and entity.
        day: the day to judge.
        n_rows: rows read a day; later days are not looked at.
        gates: the limit.
    """
    newest = max((then for then, n in n_rows.items() if n > 0 and then <= day), default=None)
    limit = gates.max_days_without_rows
    expected = f"rows of the last {limit} days" if limit else "any age"
    if newest is None:
        return Check(
            check_name=f"{FRESHNESS} {name}", expected=expected, actual="no rows yet", passed=True, detail="not judged"
        )
    age = (day - newest).days
    return Check(
        check_name=f"{FRESHNESS} {name}",
        expected=expected,
        actual=f"newest rows of {newest}, {age} days before",
        passed=not limit or age < limit,
        detail="" if limit else "not judged: max_days_without_rows is 0",
    )


def check_references(
    reference: Reference, named: pa.ChunkedArray, known: pa.ChunkedArray, gates: PrepareGates
) -> Check:
    """What the day's rows name is there; a null names nothing.

    Args:
        reference: what is looked up.
        named: values of the day's rows.
        known: those of them that the other entity has.
        gates: the limit.
    """
    wanted = pc.unique(pc.drop_null(named))
    missing = wanted.filter(pc.invert(pc.is_in(wanted, pc.unique(known)))).sort()
    share = len(missing) / len(wanted) if len(wanted) else 0.0
    # Keys of persons stand in no message.
    shown = [] if reference.column in _PERSONAL else missing.slice(0, _SHOWN).to_pylist()
    return Check(
        check_name=f"{REFERENCES} {reference.entity}.{reference.column}",
        expected=f"at most {gates.max_unknown_references:.1%} not in {reference.target}",
        actual=f"{share:.1%}",
        passed=len(missing) <= gates.max_unknown_references * len(wanted),
        detail=f"{len(missing)} of {len(wanted)} are not in {reference.target}"
        + (f", such as {shown}" if shown else ""),
    )


def check_keys(entity: str, key: Sequence[str], day: date, rows: pa.Table, gates: PrepareGates) -> Check:
    """No row of the day has the key of another row of its source.

    Within a batch repeats are taken out when it is prepared; what is found here stands in batches of two days, such as an
    order that the source moved to another day and did not take away from the first.

    Args:
        entity: whose rows.
        key: its columns.
        day: the day to judge.
        rows: `source`, the key's columns and `day`, of all days, at least those with a key of the day.
        gates: the limit.
    """
    by = [SOURCE, *key]
    counted = rows.group_by(by).aggregate([(DAY, "count"), (DAY, "max"), (DAY, "min")])
    is_today = rows.filter(pc.equal(rows[DAY], pa.scalar(day, pa.date32()))).select(by).group_by(by).aggregate([])
    judged = counted.join(is_today, keys=by, join_type="inner")
    repeated = judged.filter(pc.greater(judged[f"{DAY}_count"], 1))
    n, of = repeated.num_rows, judged.num_rows
    others = sorted(
        {str(then) for name in ("min", "max") for then in repeated[f"{DAY}_{name}"].to_pylist() if then != day}
    )
    return Check(
        check_name=f"{KEYS} {entity}",
        expected=f"at most {gates.max_repeated_keys:.1%} of the day's keys elsewhere too",
        actual=f"{n / of:.1%}" if of else "no rows",
        passed=n <= gates.max_repeated_keys * of,
        detail=f"{n} of {of} keys" + (f" are also on {', '.join(others[:_SHOWN])}" if others else ""),
    )
