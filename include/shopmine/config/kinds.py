"""The choices of a shop's file: kinds of sources and what each may say about where an entity is read.

The reading itself is one module under `collect`, named like its kind.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings:
    """Settings of an entity that belong to one kind of source.

    Attributes:
        one_of: exactly one of these says what is read.
        optional: these may stand beside it.
    """

    one_of: tuple[str, ...]
    optional: tuple[str, ...] = ()


KINDS: Final[Mapping[str, KindSettings]] = MappingProxyType(
    {
        "mysql": KindSettings(one_of=("table", "query"), optional=("where",)),
        "sql": KindSettings(one_of=("table", "query"), optional=("where",)),
        "mongodb": KindSettings(one_of=("collection",), optional=("unwind",)),
        "files": KindSettings(one_of=("path",), optional=("day_from_name", "encoding", "delimiter", "sheet")),
    }
)
KIND_SETTINGS: Final = tuple(sorted({name for kind in KINDS.values() for name in (*kind.one_of, *kind.optional)}))
SINK_KINDS: Final = ("mysql", "mongodb", "files")


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was probably meant, else what there is."""
    known = sorted(choices)
    if close := difflib.get_close_matches(name, known, n=1, cutoff=0.6):
        return f"; did you mean {close[0]!r}?"
    if folded := [choice for choice in known if choice.lower() == name.lower()]:
        return f"; did you mean {folded[0]!r}?"
    return f"; there are {', '.join(known[:40])}" if known else "; there are none"
