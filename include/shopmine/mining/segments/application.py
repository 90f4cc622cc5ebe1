"""Applying the segments to a day: the rows of `published.customers` and `published.segments`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopmine.columns import CUSTOMER
from shopmine.mining.contract import MiningInputs, text_array
from shopmine.mining.segments.model import Segments, feature_values

_COLUMNS: Final = ("recency_days", "orders", "spend")
CUSTOMERS: Final = pa.schema(
    [
        (CUSTOMER, pa.string()),
        ("segment", pa.string()),
        ("segment_name_en", pa.string()),
        ("segment_name_zh", pa.string()),
        ("membership", pa.float64()),
        ("memberships", pa.string()),
        ("recency_days", pa.int64()),
        ("orders", pa.int64()),
        ("spend", pa.decimal128(38, 6)),
        ("features", pa.string()),
    ]
)
SEGMENTS: Final = pa.schema(
    [
        ("segment", pa.string()),
        ("name_en", pa.string()),
        ("name_zh", pa.string()),
        ("customers", pa.int64()),
        ("share", pa.float64()),
        ("mean", pa.string()),
        ("median", pa.string()),
        ("born_day", pa.date32()),
        ("parents", pa.list_(pa.string())),
    ]
)


def apply_segments(model: Segments, inputs: MiningInputs) -> dict[str, pa.Table]:
    """Give each customer of a day a segment, and each segment its figures of that day.

    Args:
        model: fitted on the day's training day.
        inputs: `customer_features` as of the day.

    Returns:
        `customers` (schema `CUSTOMERS`, by customer; jsonb columns as JSON text) and `segments` (schema `SEGMENTS`, in
        the model's order; mean and median of every numeric feature; a segment may have no customers on a day).
    """
    _, values = feature_values(inputs, model.config)
    frame = inputs.frame("customer_features", inputs.frames["customer_features"].column_names).sort_by(CUSTOMER)
    memberships = model.memberships(values)
    label = memberships.argmax(axis=1)
    return {"customers": _customers(model, frame, memberships, label), "segments": _segments(model, frame, label)}


def _customers(model: Segments, frame: pa.Table, memberships: np.ndarray, label: np.ndarray) -> pa.Table:
    ids = [segment.segment for segment in model.segments]
    rounded = np.round(memberships, 6).tolist()
    others = [name for name in frame.column_names if name not in (CUSTOMER, *_COLUMNS)]
    features = [json.dumps(_plain(row), sort_keys=True) for row in frame.select(others).to_pylist()]
    known = {name: frame[name] for name in _COLUMNS}
    columns = {
        CUSTOMER: text_array(frame[CUSTOMER]),
        "segment": [ids[index] for index in label],
        "segment_name_en": [model.segments[index].name_en for index in label],
        "segment_name_zh": [model.segments[index].name_zh for index in label],
        "membership": memberships.max(axis=1) if len(label) else [],
        "memberships": [json.dumps(dict(zip(ids, row, strict=True))) for row in rounded],
        **known,
        "features": features,
    }
    return pa.table(columns).cast(CUSTOMERS)


def _segments(model: Segments, frame: pa.Table, label: np.ndarray) -> pa.Table:
    numbers = {name: frame[name].cast(pa.float64()).to_numpy() for name in frame.column_names if name != CUSTOMER}
    rows = []
    for index, segment in enumerate(model.segments):
        members = label == index
        mine = {name: values[members & ~np.isnan(values)] for name, values in numbers.items()}
        rows.append(
            {
                "segment": segment.segment,
                "name_en": segment.name_en,
                "name_zh": segment.name_zh,
                "customers": int(members.sum()),
                "share": float(members.mean()) if len(members) else 0.0,
                "mean": _figures(mine, np.mean),
                "median": _figures(mine, np.median),
                "born_day": segment.born_day,
                "parents": list(segment.parents),
            }
        )
    return pa.Table.from_pylist(rows, schema=SEGMENTS)


def _figures(values: dict[str, np.ndarray], statistic: Any) -> str:
    return json.dumps({name: round(float(statistic(v)), 6) for name, v in values.items() if len(v)}, sort_keys=True)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in row.items() if value is not None}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return round(value, 6) if isinstance(value, float) else value
