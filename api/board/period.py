"""From when to when: days as people in China count them, or moments."""

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
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment, len(written.strip()) <= len("2026-01-31")
