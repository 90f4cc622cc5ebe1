"""Times as text to UTC instants.

A time with an offset (or Z) is that instant. A time without one is the clock on the wall of the source's zone:

* The hour that happens twice when summer time ends is taken as its **first** occurrence (still summer time).
* The hour that does not happen when it begins is moved on by the length of the gap: 01:30 becomes 02:30 summer time, which
  is the instant that the winter clock would have shown.

Both are the rule of Python's `fold=0` and of java.time. A day alone is its midnight. Years are 1000 to 9999; anything else,
MySQL's zero dates included, is bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.days import instant_of, read_time

if TYPE_CHECKING:
    from shopmine.prepare.rows import Rows

INSTANT: Final = pa.timestamp("us", "UTC")
_LOCAL: Final = pa.timestamp("us")
# Arrow reads the tables of time zones, which end with 2037, but not the rule for the years after them.
_LAST_KNOWN_CHANGE: Final = pa.scalar("2037-01-01").cast(_LOCAL)
_PLAIN: Final = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?$"


def to_instants(text: pa.Array, zone: ZoneInfo) -> tuple[pa.Array, Rows]:
    """Instants (timestamp[us, UTC]), null where the text is null or bad, and the rows whose text is bad.

    Args:
        text: like `2011-03-27 01:30:00`, `2011-03-27T01:30Z`, `2011-03-27T01:30:00.123+08:00`, `2011-03-27`; beyond microseconds
            is cut off.
        zone: of times without an offset.
    """
    is_plain = pc.match_substring_regex(text, _PLAIN).fill_null(True).to_numpy(zero_copy_only=False)
    if is_plain.all() and (local := _cast_all(text)) is not None:
        return _from_wall_clock(local, zone), np.empty(0, dtype=np.int64)
    encoded = text.dictionary_encode()
    read = [read_time(value) for value in encoded.dictionary.to_pylist()]
    local = pa.array([None if time is None or time.offset is not None else time.wall for time in read], _LOCAL)
    fixed = pa.array([None if time is None or time.offset is None else time.wall for time in read], _LOCAL)
    distance = pa.array([None if time is None else time.offset for time in read], pa.duration("us"))
    instants = pc.coalesce(pc.subtract(fixed, distance).cast(INSTANT), _from_wall_clock(local, zone)).take(
        encoded.indices
    )
    bad = pc.and_(pc.is_valid(text), pc.is_null(instants)).to_numpy(zero_copy_only=False)
    return instants, np.flatnonzero(bad)


def _cast_all(text: pa.Array) -> pa.Array | None:
    """The clock's readings, or None where any is a day or hour that does not exist, like 2011-02-30."""
    try:
        return text.cast(_LOCAL)
    except pa.ArrowInvalid:
        return None


def _from_wall_clock(local: pa.Array, zone: ZoneInfo) -> pa.Array:
    """The instants of clock readings: by Arrow where it keeps the rule above, by `instant_of` where it does not."""
    instants = pc.assume_timezone(local, zone.key, ambiguous="earliest", nonexistent="earliest")
    in_gap = pc.not_equal(pc.local_timestamp(instants), local)
    careful = (
        pc.or_(in_gap, pc.greater_equal(local, _LAST_KNOWN_CHANGE)).fill_null(False).to_numpy(zero_copy_only=False)
    )
    if careful.any():
        readings = local.take(pa.array(np.flatnonzero(careful))).to_pylist()
        exact = pa.array([instant_of(reading, zone) for reading in readings], instants.type)
        instants = pc.replace_with_mask(instants, pa.array(careful), exact)
    return instants.cast(INSTANT)
