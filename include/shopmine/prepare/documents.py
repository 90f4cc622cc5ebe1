"""Documents in MongoDB's extended JSON to text: every number, date and id exactly, nothing made null in silence."""

from __future__ import annotations

import json
import re
import uuid
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Within what jsonb can hold: a longer number or exponent travels as a text.
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,999})(\.\d{1,999})?([eE][+-]?\d{1,3})?", re.ASCII)
_NUL: Final = re.compile(r"(?<!\\)(\\\\)*\\u0000")
_LARGEST_EXACT_WHOLE: Final = 2.0**53
_UUID_SUBTYPES: Final = {"03", "04", "3", "4"}


class Number(str):
    """A number's own text, so that it is neither rounded nor taken for a text."""

    __slots__ = ()


class UnfitError(ValueError):
    """A value that cannot stand where it is; the text says what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A dotted path into a document or, where `in_element`, into an element of the unwound list."""

    name: str
    steps: tuple[str, ...]
    in_element: bool

    @classmethod
    def parse(cls, name: str, unwind: str | None) -> Path:
        """`items.product` with `unwind = "items"` is the step `product` into each element."""
        if unwind is not None and (name == unwind or name.startswith(f"{unwind}.")):
            return cls(
                name=name, steps=tuple(name[len(unwind) + 1 :].split(".")) if name != unwind else (), in_element=True
            )
        return cls(name=name, steps=tuple(name.split(".")), in_element=False)


def parse_document(line: bytes) -> dict[str, Any]:
    """One document; numbers outside wrappers stay `Number` text.

    Raises:
        UnfitError: the line is not one JSON object in UTF-8, or holds what PostgreSQL cannot store.
    """
    try:
        document = json.loads(line.decode(), parse_float=Number, parse_int=Number, parse_constant=Number)
        if b"\\u" in line:
            _check_text(document)
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"is not a document: {_why(error)}") from None
    if not isinstance(document, dict):
        raise UnfitError("is not a document: an object {…} is expected")
    return document


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "a text is not Unicode"
    if isinstance(error, json.JSONDecodeError):
        return f"JSON ends or breaks at character {error.pos}"
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _check_text(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False)
    text.encode()
    if _NUL.search(text):
        raise UnfitError("a text holds a NUL character, which cannot be stored")


def expand(document: Mapping[str, Any], unwind: Path | None) -> list[Any]:
    """The elements of the unwound list; one `None` where nothing is unwound; an empty list gives no row.

    Raises:
        UnfitError: there is no list at the path.
    """
    if unwind is None:
        return [None]
    found = follow(document, unwind.steps)
    if not isinstance(found, list):
        raise UnfitError(f"{unwind.name}: {_kind(found)} where a list is expected")
    return found


def follow(value: Any, steps: Sequence[str]) -> Any:
    """The value at the end of the steps (names, or places from 0 in a list); None where there is none.

    Raises:
        UnfitError: a step leads into something that is neither a document nor, for a number, a list.
    """
    for step in steps:
        if isinstance(value, dict):
            inner = value.get(step)
            if inner is None and _is_wrapped(value):
                raise UnfitError(f"{_kind(value)} where a document with {step!r} is expected")
            value = inner
        elif isinstance(value, list) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        elif value is not None:
            raise UnfitError(f"{_kind(value)} where a document with {step!r} is expected")
    return value


def text_of(value: Any) -> str | None:
    """The exact text of a scalar: numbers as written (5.0 as 5), ids as hex, dates as UTC instants, true and false.

    Raises:
        UnfitError: it is a list, a document or a type without a text.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and _is_wrapped(value):
        name, inner = next(iter(value.items()))
        try:
            return _WRAPPERS[name](inner) if name in _WRAPPERS else _unwrap_binary(value)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            raise UnfitError(f"{_kind(value)} where a value is expected") from None
    raise UnfitError(f"{_kind(value)} where a value is expected")


def json_of(value: Any) -> str:
    """Any value as plain JSON text: wrapped scalars by `text_of`, their numbers unquoted, the rest as it is."""
    if isinstance(value, dict) and not _is_wrapped(value):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {json_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_of, value)) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = text_of(value)
    is_number = isinstance(value, Number) or (isinstance(value, dict) and next(iter(value)).startswith("$number"))
    is_bare = text is None or (is_number and _JSON_NUMBER.fullmatch(text) is not None)
    return ("null" if text is None else text) if is_bare else json.dumps(text, ensure_ascii=False)


def _is_wrapped(value: Mapping[str, Any]) -> bool:
    name = next(iter(value), "")
    return name.startswith("$") and name not in {"$ref", "$id", "$db"}


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return f"a {next(iter(value))[1:]}" if _is_wrapped(value) else "a document"


def _double(text: str) -> str:
    number = float(text)
    return str(int(number)) if abs(number) < _LARGEST_EXACT_WHOLE and number.is_integer() else str(text)


def _date(value: Any) -> str:
    if isinstance(value, dict):
        return _instant(timedelta(milliseconds=int(value["$numberLong"])))
    at = datetime.fromisoformat(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _instant(since_epoch: timedelta) -> str:
    return (_EPOCH + since_epoch).isoformat()


def _unwrap_binary(value: Mapping[str, Any]) -> str:
    inner = value["$binary"]
    if inner["subType"] not in _UUID_SUBTYPES:
        raise ValueError
    return str(uuid.UUID(bytes=b64decode(inner["base64"], validate=True)))


_WRAPPERS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "$oid": str,
    "$numberInt": str,
    "$numberLong": str,
    "$numberDouble": _double,
    "$numberDecimal": str,
    "$date": _date,
    "$timestamp": lambda value: _instant(timedelta(seconds=int(value["t"]))),
    "$symbol": str,
    "$uuid": str,
    "$undefined": lambda _: None,
}
