"""From when to when: days as people in China count them, or moments; and the periods that have a name."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated

from fastapi import Query

from core.clock import SHANGHAI, local, now
from escalation.errors import Refused


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to but not at `until`."""

    since: datetime
    until: datetime


NAMED = {"today": "今天", "yesterday": "昨天", "7d": "近7天", "30d": "近30天", "month": "本月"}
"""Periods that mean other days tomorrow."""
_YEARS = range(2000, 2200)


def named_period(name: str) -> Period:
    """One of NAMED. Raises Refused for any other."""
    if name not in NAMED:
        raise Refused(f"只有这几段时间：{'、'.join(NAMED.values())}。", "range")
    today = datetime.combine(local(now()).date(), time(), SHANGHAI)
    tomorrow = today + timedelta(days=1)
    since = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "7d": today - timedelta(days=6),
        "30d": today - timedelta(days=29),
        "month": today.replace(day=1),
    }[name]
    return Period(since, today if name == "yesterday" else tomorrow)


def asked_period(
    since: Annotated[
        str, Query(alias="from", max_length=40, description="从哪天（2026-11-22）或哪个时刻起，默认今天")
    ] = "",
    until: Annotated[
        str, Query(alias="to", max_length=40, description="到哪天（含当天）或哪个时刻为止，默认今天")
    ] = "",
) -> Period:
    """The period of a request; today by default. Raises Refused for what is no date, and for a period without length."""
    today = datetime.combine(local(now()).date(), time(), SHANGHAI)
    begins, _ = _moment(since, "from") if since else (today, True)
    ends, whole_day = _moment(until, "to") if until else (today, True)
    period = Period(begins, ends + timedelta(days=1) if whole_day else ends)
    if period.since >= period.until:
        raise Refused("开始要早于结束。", "from")
    return period


def _moment(written: str, field: str) -> tuple[datetime, bool]:
    """The moment, or the day's first one, and whether a day was meant. A "+" that an address has made a blank is read as one."""
    try:
        moment = datetime.fromisoformat(written.strip().replace(" ", "+") if "T" in written else written.strip())
    except ValueError:
        raise Refused("日期应写成 2026-01-31 的样子，时刻应写成 2026-01-31T08:00:00+08:00 的样子。", field) from None
    if moment.year not in _YEARS:
        raise Refused(f"年份应在 {_YEARS[0]} 到 {_YEARS[-1]} 之间。", field)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment, len(written.strip()) <= len("2026-01-31")
