"""When people buy: weekdays, the course of the year, shopping festivals, hours."""

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.arrow import Floats, Ints, Times
from shopmine.demo.sizes import DemoSize

WEEKDAYS: Final = (0.85, 0.85, 0.9, 0.95, 1.1, 1.3, 1.2)  # Monday first
# Shopping festivals: month and day, how many days around it, how many times the usual.
FESTIVALS: Final = (((6, 18), 2, 4.0), ((11, 11), 3, 6.0), ((12, 12), 1, 2.5))
FESTIVAL_DISCOUNT: Final = 15  # per cent
QUIET_WEEKS: Final = ((date(2024, 2, 9), date(2024, 2, 16)), (date(2025, 1, 28), date(2025, 2, 4)))  # Spring Festival
_HOURS: Final = (3, 2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 8, 8, 8, 8, 8, 9, 11, 14, 15, 12, 7)


def all_days(size: DemoSize) -> Times:
    """(n_days,) every day of the shop, oldest first."""
    first = np.datetime64(size.first_day, "D")
    return first + np.arange(size.n_days)


def is_festival(days: Times) -> npt.NDArray[np.bool_]:
    """Whether each day belongs to a shopping festival."""
    return festival_height(days) > 1


def festival_height(days: Times) -> Floats:
    """How many times the usual each day sells because of a festival; 1 on other days."""
    height = np.ones(len(days))
    years = days.astype("datetime64[Y]").astype(int) + 1970
    for (month, day), n_around, times in FESTIVALS:
        festival = np.array([np.datetime64(date(int(year), month, day), "D") for year in years])
        distance = np.abs((days - festival).astype(int))
        height = np.where(distance <= n_around, np.maximum(height, 1 + (times - 1) / (1 + distance)), height)
    return height


def day_weights(days: Times, festival_affinity: float) -> Floats:
    """(n_days,) how much is bought on each day, by people who care so much for festivals (0 not at all, 1 as usual)."""
    weekday = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    day_of_year = (days - days.astype("datetime64[Y]")).astype(int)
    year = 1 + 0.2 * np.cos(2 * np.pi * (day_of_year - 335) / 365.25)  # highest in early December
    quiet = np.zeros(len(days), dtype=bool)
    for start, end in QUIET_WEEKS:
        quiet |= (days >= np.datetime64(start)) & (days < np.datetime64(end))
    festival = 1 + (festival_height(days) - 1) * festival_affinity
    weights: Floats = np.array(WEEKDAYS)[weekday] * year * np.where(quiet, 0.4, 1.0) * festival
    return weights


def draw_times(days: Times, rng: np.random.Generator) -> Times:
    """A time of day for each day, most in the evening."""
    share = np.cumsum(_HOURS) / np.sum(_HOURS)
    hours: Ints = np.searchsorted(share, rng.random(len(days)), side="right")
    seconds = hours * 3600 + rng.integers(0, 3600, len(days))
    at: Times = days.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
    return at
