"""Reasons of rows that name them by number, as the views of `published` tell them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

POPULAR = {"kind": "popular", "text_en": "Popular", "text_zh": "热销"}
REASONS = pa.table({"reason": [0], **{name: [value] for name, value in POPULAR.items()}, "detail": ["{}"]})
"""One reason, which rows name as `NAMED`."""
NAMED = {"reason_codes": [0], "reason_weights": [10_000]}
TOLD = [POPULAR | {"weight": 1}]
"""What a view gives of it."""


def told_rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    """The rows of a table with `reasons` in place of their numbers."""
    reasons = {row.pop("reason"): {**json.loads(row.pop("detail")), **row} for row in tables["reasons"].to_pylist()}
    rows = tables[name].to_pylist()
    for row in rows:
        named = zip(row.pop("reason_codes"), row.pop("reason_weights"), strict=True)
        row["reasons"] = [{**reasons[code], "weight": weight / 10_000} for code, weight in named]
    return rows
