"""A driver's values as text: the plainest form from which exactly the same value can be read again."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def text_of(value: Any) -> str | None:
    """The text of one value; None for null.

    Numbers in their shortest exact form, bytes as hex digits, times like `2026-03-01 10:00:00.5+08:00`, lengths of time in seconds.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{Decimal(value // timedelta(microseconds=1)).scaleb(-6):f}"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=text_of)
    return str(value)


def bytes_of(value: Any) -> bytes | None:
    """The text in UTF-8; bytes of a source's text that are no UTF-8 stay as they are."""
    text = text_of(value)
    return None if text is None else text.encode("utf-8", "surrogateescape")
