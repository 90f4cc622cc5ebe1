"""Templates and how values are written in them. Everything is escaped; no value becomes markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

NOTHING = "–"


def show_number(value: object) -> str:
    """A number for people: whole ones with thin spaces between thousands, others with three digits that count."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return str(value)
    number = float(value)
    if number == int(number) if abs(number) < 1e15 else False:
        return f"{int(number):,}".replace(",", "\u2009")
    if abs(number) >= 1000:
        return f"{number:,.0f}".replace(",", "\u2009")
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.1f}"


def show_share(value: float | None) -> str:
    """A share as per cent."""
    return NOTHING if value is None else f"{100 * value:.1f}\u2009%"


def show_time(value: date | datetime | None) -> str:
    """A day, or an instant in UTC to the minute."""
    if value is None:
        return NOTHING
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else value.isoformat()


def feature_names(segments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every feature that a segment has a mean or a median of, in their own order."""
    names: dict[str, None] = {}
    for segment in segments:
        for values in (segment["median"], segment["mean"]):
            names.update(dict.fromkeys(values or {}))
    return list(names)


def reason_texts(reasons: object, most: int) -> list[tuple[str, str, str]]:
    """The first reasons of a recommendation as (English, Chinese, share of the score); one without text as stored."""
    items = reasons if isinstance(reasons, list) else [reasons] if reasons else []
    return [_reason_text(item) for item in items[:most]]


def main_metrics(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The figures of what is in use; of a model that has no competing methods all of them."""
    competing = {row["model"] for row in metrics if row["is_champion"] is not None}
    return [row for row in metrics if row["is_champion"] or row["model"] not in competing]


def _reason_text(item: object) -> tuple[str, str, str]:
    if isinstance(item, dict) and isinstance(item.get("text_en"), str):
        weight = item.get("weight")
        share = show_share(float(weight)) if isinstance(weight, int | float) else ""
        return item["text_en"], str(item.get("text_zh") or ""), share
    return (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, sort_keys=True)), "", ""


def show_detail(detail: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The counts and reasons of a step as (name, text); nested values as JSON."""
    return [
        (name, json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else show_number(value))
        for name, value in (detail or {}).items()
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": show_number, "share": show_share, "time": show_time}
    environment.globals |= {
        "feature_names": feature_names,
        "main_metrics": main_metrics,
        "reason_texts": reason_texts,
        "show_detail": show_detail,
    }
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: object) -> str:
    """A page as HTML."""
    return _ENVIRONMENT.get_template(template).render(**values)
