"""How one canonical column is made of a source's columns: the smallest part of a shop's file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shopmine.config.expressions import parse_expression

Contract = Literal["evolve", "freeze", "discard_value", "discard_row"]
"""What becomes of a source's column that changes, and of a value that does not fit (docs/prepare.md)."""

_ORIGINS: Final = ("column", "columns", "expression", "constant")
_IN_QUOTES: Final = re.compile(r"'([^']+)'")
_COMPARISON: Final = re.compile(r"\s*(<=|>=|!=|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*")


class Settings(BaseModel):
    """Base of every part of a shop's file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, populate_by_name=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One test of one canonical column: by RE2 `pattern` (searched, not anchored), else `operator` and `number`.

    A null fulfils no condition.
    """

    column: str
    pattern: str | None = None
    operator: Literal["<", "<=", ">", ">=", "=", "!="] | None = None
    number: Decimal | None = None

    @classmethod
    def parse(cls, column: str, text: str) -> Condition:
        """Read `"^C"` (a pattern) or `"< 0"` (a comparison with a number)."""
        if comparison := _COMPARISON.fullmatch(text):
            return cls(column=column, operator=comparison[1], number=Decimal(comparison[2]))  # type: ignore[arg-type]
        return cls(column=column, pattern=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`value` where all conditions hold (`is` in the file)."""

    value: str
    conditions: tuple[Condition, ...]


class FieldConfig(Settings):
    """How one canonical column is made, in this order.

    The text of `column` (else of `columns`, `expression` or `constant`) is trimmed, made null when empty, written in one
    `width`, in one `chinese` script and in one `case`, replaced by `replace` when equal to one of its keys, then by
    `synonyms`; a number is brought to one unit by `units`, then into the shop's currency by `currency`; the first of
    `cases` that holds overrides it; `default` stands where it is null. What does not fit is judged by `contract`.

    Attributes:
        columns: source columns that together are the value, with `/` between; null where one of them is.
        divided_by: source column by whose number that of `column` is divided, like a total by its pieces: ten decimals.
        expression: made of source columns by an expression, in which each is a text: `CAST(pieces AS INT) * 12`.
        width: `half` writes full-width letters, digits and signs, and other ways to write the same, as the usual ones (NFKC).
        chinese: script in which Chinese is written: traditional characters become simplified ones, or the other way.
        synonyms: name of a table of the shop's `synonyms`; what is none of them stays as it is.
        unit: source column that names the unit; without it the unit stands behind the number, like `500 g`.
        units: unit -> what one of it is in the unit that is kept; any other unit does not fit.
        currency: source column that holds the amount's currency: it becomes the shop's by `rates`, the original is kept in
            `attributes`. A text in quotes, like `'EUR'`, is a currency that all amounts are in.
        min: least number that fits.
        max: largest number that fits.
        outliers: `mark`: unusual numbers of a day are told by its checks and in `clean.outliers`, and stay as they are.
        contract: what becomes of a changed column and of a value that does not fit, `evolve`, `freeze`, `discard_value` or
            `discard_row`; default: the entity's.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    divided_by: str | None = None
    expression: str | None = None
    constant: str | None = None
    trim: bool = True
    case: Literal["upper", "lower"] | None = None
    width: Literal["half"] | None = None
    chinese: Literal["simplified", "traditional"] | None = None
    empty_is_null: bool = True
    replace: Mapping[str, str] = Field(default_factory=dict)
    synonyms: str | None = None
    unit: str | None = None
    units: Mapping[str, Decimal] = Field(default_factory=dict)
    currency: str | None = None
    default: str | None = None
    cases: tuple[Case, ...] = ()
    min: Decimal | None = None
    max: Decimal | None = None
    outliers: Literal["mark"] | None = None
    contract: Contract | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("cases", mode="before")
    @classmethod
    def _read_cases(cls, value: Any) -> Any:
        return tuple(_read_case(case) for case in value) if isinstance(value, list) else value

    @field_validator("expression")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else parse_expression(text).text

    @model_validator(mode="after")
    def _has_a_value(self) -> FieldConfig:
        given = [name for name in _ORIGINS if getattr(self, name) not in (None, ())]
        if len(given) > 1:
            raise ValueError(f"has both `{given[0]}` and `{given[1]}`; keep one")
        if not given and self.default is None and not self.cases:
            raise ValueError("says nothing; give `column`, `columns`, `expression`, `constant`, `default` or `cases`")
        if self.divided_by is not None and self.column is None:
            raise ValueError("has `divided_by` without `column`; say what is divided")
        if self.unit is not None and not self.units:
            raise ValueError("has `unit` without `units`; say what each unit is, like { g = 0.001, kg = 1 }")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"has min {self.min} above max {self.max}")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that it is made of."""
        used = () if self.expression is None else parse_expression(self.expression).columns
        named = (self.column, *self.columns, self.divided_by, *used, self.unit, self.currency_column)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def currency_column(self) -> str | None:
        """The source column that holds the currency; None: there is none, or one currency for all."""
        return None if self.currency is None or self.all_in is not None else self.currency

    @property
    def all_in(self) -> str | None:
        """The currency that all amounts are in, where it is not the shop's."""
        found = None if self.currency is None else _IN_QUOTES.fullmatch(self.currency)
        return None if found is None else found[1]

    @property
    def is_made(self) -> bool:
        """Whether its values are computed in a way that may fail."""
        return self.is_measured or self.expression is not None

    @property
    def is_measured(self) -> bool:
        """Whether its numbers are converted."""
        return bool(self.units) or self.currency is not None


def _read_case(case: Any) -> Case:
    if not isinstance(case, dict) or "is" not in case or len(case) < 2:
        raise ValueError('a case needs `is` and at least one condition, like { is = "return", order_id = "^C" }')
    return Case(value=str(case["is"]), conditions=read_conditions({k: v for k, v in case.items() if k != "is"}))


def read_conditions(value: Any) -> tuple[Condition, ...]:
    """Conditions as they stand in the file: canonical column -> pattern or comparison."""
    if not isinstance(value, dict) or not value or not all(isinstance(text, str) for text in value.values()):
        raise ValueError('conditions are written { canonical column = "pattern" } or { quantity = "> 0" }')
    return tuple(Condition.parse(column, text) for column, text in value.items())
