"""One way to write a value: width, script, case, synonyms. Distinct values in, the same values in their one form out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.spelling import folded

if TYPE_CHECKING:
    from shopmine.config.fields import FieldConfig

_SCRIPTS: Final = {"simplified": "t2s", "traditional": "s2t"}
# A form is reached when a further round changes nothing; some characters need two (the capital of ŉ is made of two).
_MOST_ROUNDS: Final = 4


def standardise(values: pa.Array, field: FieldConfig) -> pa.Array:
    """Texts in the width, script and case that the field asks for; doing it again changes nothing.

    Args:
        values: distinct texts.
        field: says which forms.
    """
    if field.width is None and field.chinese is None:
        return in_case(values, field.case)
    steps = [step for step in (_half if field.width else None, _script(field.chinese), _case(field.case)) if step]
    return pa.array([None if text is None else _settled(text, steps) for text in values.to_pylist()], pa.string())


def in_case(values: pa.Array, case: str | None) -> pa.Array:
    """Texts in capitals (`upper`), in small letters (`lower`), or as they are."""
    return values if case is None else pc.utf8_upper(values) if case == "upper" else pc.utf8_lower(values)


def replace_synonyms(values: pa.Array, spellings: Mapping[str, str]) -> pa.Array:
    """Each text that is a known spelling of a value (see `spelling.spelled_values`) becomes that value."""
    return pa.array(
        [None if text is None else spellings.get(folded(text), text) for text in values.to_pylist()], pa.string()
    )


def _settled(text: str, steps: list[Callable[[str], str]]) -> str:
    for _ in range(_MOST_ROUNDS):
        before = text
        for step in steps:
            text = step(text)
        if text == before:
            break
    return text


def _half(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _case(case: str | None) -> Callable[[str], str] | None:
    return {"upper": str.upper, "lower": str.lower}.get(case or "")


def _script(chinese: str | None) -> Callable[[str], str] | None:
    return None if chinese is None else _converter(_SCRIPTS[chinese])


@lru_cache(maxsize=2)
def _converter(name: str) -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC(name).convert
    return convert
