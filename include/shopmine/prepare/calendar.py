"""The calendar of a shop's country: weeks, public holidays, and the weekends that are worked instead 日历."""

from __future__ import annotations

from datetime import date, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from holidays import HolidayBase

_ENGLISH: Final = "en_US"


def made_by(country: str) -> str:
    """What a calendar is made by: the library, its version, and the country."""
    return f"holidays {version('holidays')}, {country}"


def make_calendar(country: str, first: date, last: date) -> pa.Table:
    """One row for each day from `first` to `last`, with the columns of `clean.calendar` besides the shop.

    Args:
        country: ISO 3166 code, with a part of the country behind a dash where holidays differ: `CN`, `GB-SCT`.
        first: the first day.
        last: the last day. Public holidays of years that are not decided yet are as the law says by now.
    """
    own, english = _holidays(country, first, last, None), _holidays(country, first, last, _ENGLISH)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    weeks = [day.isocalendar() for day in days]
    small, text = pa.int16(), pa.string()
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "year": pa.array([day.year for day in days], small),
            "quarter": pa.array([(day.month + 2) // 3 for day in days], small),
            "month": pa.array([day.month for day in days], small),
            "iso_year": pa.array([week.year for week in weeks], small),
            "iso_week": pa.array([week.week for week in weeks], small),
            "weekday": pa.array([week.weekday for week in weeks], small),
            "is_weekend": pa.array([day.weekday() in own.weekend for day in days], pa.bool_()),
            "is_holiday": pa.array([day in own for day in days], pa.bool_()),
            "is_working_day": pa.array([own.is_working_day(day) for day in days], pa.bool_()),
            "holiday": pa.array([own.get(day) for day in days], text),
            "holiday_en": pa.array([english.get(day) for day in days], text),
            "made_by": pa.array([made_by(country)] * len(days), text),
        }
    )


def _holidays(country: str, first: date, last: date, language: str | None) -> HolidayBase:
    import holidays

    code, _, part = country.partition("-")
    years = range(first.year, last.year + 1)
    # Without a language the library would take that of the machine's user.
    known = holidays.country_holidays(code, subdiv=part or None, years=2024)
    spoken = language if language in known.supported_languages else known.default_language
    return holidays.country_holidays(code, subdiv=part or None, years=years, language=spoken)
