"""E-mail addresses and phone numbers in free text, replaced before the text lands.

Rather too much than too little: a column is masked because it is free text that may hold them, so a number that could be a
phone is taken for one. That costs: numbers of 11 digits that begin with 13 to 19, numbers of 9 to 12 digits that begin with one
0, and groups of digits with blanks or dashes between that look like either. It spares dates, prices, and order numbers of any
other length or beginning. Not found are local numbers without an area code (8 digits, like a date), numbers in words, and phones
that stand right beside other digits, as nobody can tell where they begin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# A character without width: also between the digits of emoji keycaps.
_NOTHING: Final = "\u200b"
_KEYCAP: Final = "\ufe0f\u20e3"
_LOCAL: Final = rf"A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~{_NOTHING}-"
_LABEL: Final = rf"[A-Za-z0-9{_NOTHING}-]+"
_EMAIL: Final = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]++@{_LABEL}(?:\.{_LABEL})+")
# Names in any script; tried only where the plain form finds nothing, as it takes the words around along.
_ANY_EMAIL: Final = re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w-]+(?:\.[\w-]+)+")

_GAP: Final = rf"[ (){_NOTHING}./-]{{0,4}}"
_NARROW_GAP: Final = rf"[ (){_NOTHING}-]{{0,4}}"
_DATE: Final = r"(?:0[1-9]|[12]\d|3[01])(?P<between>[-./ ])(?:0[1-9]|[12]\d|3[01])(?P=between)(?:19|20)\d\d(?!\d)"
_PHONE_FORMS: Final = (
    rf"(?:\+|(?<!\d)00(?={_GAP}[1-9])){_GAP}\d(?:{_GAP}\d){{6,13}}",  # international
    rf"(?<!\d)(?:86{_NARROW_GAP})?\(?1{_NARROW_GAP}[3-9](?:{_NARROW_GAP}\d){{9}}",  # Chinese mobile
    r"(?<!\d)1[3-9]\d\.\d{4}\.\d{4}",
    rf"(?<!\d)\(?(?!{_DATE})0[1-9](?:{_GAP}\d){{7,10}}",  # national, with its area code
    r"(?<!\d)(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}",  # 3-3-4
)
# Looked for at every place, not only behind the last one found: what looks like a number may end within the next.
_PHONES: Final = tuple(re.compile(rf"(?=({form})(?!\d))", re.ASCII) for form in _PHONE_FORMS)
_MAY_HOLD: Final = re.compile(r"@|\d(?:[^\d]{0,4}\d){6}", re.ASCII)

_Found = tuple[int, int, str]


class _Plain(dict[int, str]):
    """Character -> the plain ASCII one that it stands for, always one for one, so that places stay the same."""

    def __missing__(self, code: int) -> str:
        plain = self[code] = _plain(chr(code))
        return plain


def _plain(character: str) -> str:
    same = unicodedata.normalize("NFKC", character)
    same = same if len(same) == 1 else character
    digit, kind = unicodedata.digit(same, None), unicodedata.category(same)
    if digit is not None:
        return str(digit)
    if kind == "Cf" or same in _KEYCAP:
        return _NOTHING
    if kind == "Pd" or same == "\u2212":
        return "-"
    return " " if kind == "Zs" else "." if same == "。" else same


_PLAIN: Final = _Plain()


def mask_text(text: str) -> str:
    """The text with every e-mail address as `[email]` and every phone number as `[phone]`.

    Full-width and other forms of digits, signs and blanks count as the plain ones, in any script around them.
    """
    plain = text if text.isascii() else text.translate(_PLAIN)
    if not _MAY_HOLD.search(plain):
        return text
    masked, done = [], 0
    for start, end, label in _joined([*_emails(plain), *_phones(plain)]):
        masked += [text[done:start], label]
        done = end
    return "".join([*masked, text[done:]])


def _emails(plain: str) -> list[_Found]:
    found = [(*match.span(), "[email]") for match in _EMAIL.finditer(plain)]
    ends = {end for _, end, _ in found}
    others = [(*match.span(), "[email]") for match in _ANY_EMAIL.finditer(plain)] if "@" in plain else []
    return found + [(s, e, label) for s, e, label in others if not any(s <= end <= e for end in ends)]


def _phones(plain: str) -> Iterator[_Found]:
    for phone in _PHONES:
        for match in phone.finditer(plain):
            yield (*match.span(1), "[phone]")


def _joined(found: list[_Found]) -> list[_Found]:
    """In order, those that overlap as one."""
    joined: list[_Found] = []
    for start, end, label in sorted(found, key=lambda one: (one[0], -one[1])):
        if joined and start < joined[-1][1]:
            before = joined[-1]
            joined[-1] = (before[0], max(end, before[1]), before[2])
        else:
            joined.append((start, end, label))
    return joined
