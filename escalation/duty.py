"""Who is on duty 值班: which day of duty a moment is, and whose hours it falls into. `duty_grammar` reads what offices write."""

from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays
from sqlalchemy import ColumnElement, exists, select

from core.clock import local
from escalation.models import DutyHours, Lawyer

HOLIDAY = 0
MIDNIGHT = 1440


def duty_day(moment: datetime) -> int:
    """1 Monday … 7 Sunday as people work in China: 0 on a public holiday, and a weekend worked in exchange is a Monday.

    A weekend that touches a holiday is part of it, as it is announced ("10月1日至7日放假"). The days that are exchanged are
    announced each November; beyond them a year has its fixed holidays alone.
    """
    return _day_of_duty(local(moment).date())


def on_duty(moment: datetime) -> ColumnElement[bool]:
    """Of a `Lawyer` in a statement: whether they are on duty. Without hours of their own they always are."""
    hours = select(DutyHours.lawyer_id).where(DutyHours.lawyer_id == Lawyer.id)
    return has_duty_now(moment) | ~exists(hours)


def has_duty_now(moment: datetime) -> ColumnElement[bool]:
    """Of a `Lawyer` in a statement: whether they have hours of their own, and these are now. The lawyers on duty 值班律师."""
    clock = local(moment)
    minute = clock.hour * 60 + clock.minute
    hours = select(DutyHours.lawyer_id).where(
        DutyHours.lawyer_id == Lawyer.id, DutyHours.day == duty_day(moment), DutyHours.start <= minute,
        minute < DutyHours.end,
    )  # fmt: skip
    return exists(hours)


@lru_cache(maxsize=64)
def _day_of_duty(day: date) -> int:
    # The neighbouring years too: a weekend may touch the first of January from the year before.
    calendar = _calendar(day.year)
    if day in calendar.weekend_workdays:
        return 1
    for step in (timedelta(days=-1), timedelta(days=1)):
        near = day
        while near in calendar or (near.isoweekday() > 5 and near not in calendar.weekend_workdays):
            if near in calendar:
                return HOLIDAY
            near += step
    return day.isoweekday()


@lru_cache(maxsize=8)
def _calendar(year: int) -> "holidays.HolidayBase":
    return holidays.country_holidays("CN", years=(year - 1, year, year + 1))
