"""Expressions of a shop's file: what they may say. They are read and checked here, and evaluated by `prepare.expressions`.

An expression is one SQL expression as DuckDB reads it. Only what is listed here may stand in it: nothing that reads a file,
another table or a setting, that looks at other rows, or that says something else tomorrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_CLASSES: Final = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR", "TYPE"}
)
_OPERATORS: Final = frozenset({"+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*"})
FUNCTIONS: Final = frozenset(
    [
        "abs",
        "ceil",
        "ceiling",
        "concat",
        "concat_ws",
        "contains",
        "date_diff",
        "date_part",
        "date_trunc",
        "day",
        "dayofweek",
        "dayofyear",
        "ends_with",
        "floor",
        "greatest",
        "hour",
        "if",
        "ifnull",
        "isodow",
        "isoyear",
        "least",
        "left",
        "length",
        "lower",
        "lpad",
        "ltrim",
        "make_date",
        "minute",
        "mod",
        "month",
        "nullif",
        "prefix",
        "quarter",
        "regexp_extract",
        "regexp_full_match",
        "regexp_matches",
        "regexp_replace",
        "replace",
        "right",
        "round",
        "rpad",
        "rtrim",
        "second",
        "sign",
        "split_part",
        "starts_with",
        "strftime",
        "strip_accents",
        "strpos",
        "strptime",
        "substr",
        "substring",
        "suffix",
        "to_days",
        "to_hours",
        "to_minutes",
        "to_months",
        "to_seconds",
        "to_weeks",
        "to_years",
        "trim",
        "trunc",
        "try_strptime",
        "upper",
        "week",
        "weekofyear",
        "year",
    ]
)
"""Functions that an expression may use, besides operators, CASE, COALESCE, IN, BETWEEN, LIKE and CAST."""
_TYPES: Final = frozenset(
    {"BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "INT", "INTEGER", "INTERVAL", "NUMERIC",
     "SMALLINT", "TEXT", "TIME", "TIMESTAMP", "VARCHAR"}
)  # fmt: skip
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A checked expression: its text and the columns that it looks at, in order, each once."""

    text: str
    columns: tuple[str, ...]


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> Expression:
    """Read and check an expression.

    Raises:
        ValueError: it is no expression, or says what it may not; the message names the part.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise ValueError(f'is no expression; write one of at most {_LONGEST} characters, like "pieces * pack_size"')
    parts = list(_parts(_tree(text)))
    for part in parts:
        if problem := _problem(part):
            raise ValueError(f"{text!r} {problem}")
    columns = [".".join(part["column_names"]) for part in parts if part["class"] == "COLUMN_REF"]
    return Expression(text=text.strip(), columns=tuple(dict.fromkeys(columns)))


def _tree(text: str) -> dict[str, Any]:
    """The syntax tree of the one thing that is selected."""
    import duckdb

    # The line's end closes a comment that the text may end with.
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT ({text}\n)"]).fetchone()
    told: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if told["error"]:
        raise ValueError(f"{text!r} is no expression: {told.get('error_message', 'it cannot be read')}")
    nodes = [statement["node"] for statement in told["statements"]]
    if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE" or len(nodes[0]["select_list"]) != 1:
        raise ValueError(f"{text!r} is more than one expression; keep one")
    selected = nodes[0]["select_list"][0]
    is_bare = (
        nodes[0]["from_table"]["type"] == "EMPTY" and not nodes[0].get("where_clause") and not nodes[0]["modifiers"]
    )
    if not is_bare:
        raise ValueError(f"{text!r} is a whole query; keep the expression alone")
    return dict(selected)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "class" in value:
            yield value
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)


def _problem(part: dict[str, Any]) -> str | None:
    kind = part["class"]
    if kind not in _CLASSES or part["type"] in ("ARRAY_EXTRACT", "ARRAY_SLICE", "STRUCT_EXTRACT"):
        return f"has a {kind.lower().replace('_', ' ')}, which an expression may not have; it works on one row's own values"
    if kind == "FUNCTION":
        name = part["function_name"]
        if part["schema"] or (name.lower() not in FUNCTIONS and name not in _OPERATORS):
            return f"uses {name!r}, which an expression may not use; there are {', '.join(sorted(FUNCTIONS))}"
    if kind == "TYPE" and part["type_name"].upper() not in _TYPES:
        return f"casts to {part['type_name']!r}; there are {', '.join(sorted(_TYPES))}"
    return None


def type_of(expression: Expression, columns: Mapping[str, str]) -> str:
    """The type of an expression over columns of these types, in DuckDB's words.

    Raises:
        ValueError: it cannot work on such columns.
    """
    import duckdb

    given = (
        ", ".join(f"CAST(NULL AS {type_}) AS {quoted(name)}" for name, type_ in columns.items()) or "NULL AS nothing"
    )
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        try:
            found = connection.execute(f"DESCRIBE SELECT ({expression.text}\n) FROM (SELECT {given})").fetchone()  # noqa: S608
        except duckdb.Error as error:
            raise ValueError(f"{expression.text!r} cannot be computed: {str(error).splitlines()[0]}") from None
    return str(found[1]) if found else ""


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
