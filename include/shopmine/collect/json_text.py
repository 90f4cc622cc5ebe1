"""JSON whose numbers stay as they stand in the text."""

from __future__ import annotations

import json
from typing import Any


class Number(str):
    """A number as it stood."""

    __slots__ = ()


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, or RecursionError where it is nested too deep."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def json_text(value: Any, *, is_compact: bool = False) -> str:
    """The text of a value: numbers as they stood; compact: names in order and no blanks, so that equal values have equal texts."""
    comma, colon = (",", ":") if is_compact else (", ", ": ")
    if isinstance(value, dict):
        items = sorted(value.items()) if is_compact else value.items()
        inner = (f"{json.dumps(k, ensure_ascii=False)}{colon}{json_text(v, is_compact=is_compact)}" for k, v in items)
        return "{" + comma.join(inner) + "}"
    if isinstance(value, list):
        return "[" + comma.join(json_text(v, is_compact=is_compact) for v in value) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
