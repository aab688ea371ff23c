"""The promise over time: by hour over a day or two, by day, by week, by month; without gaps, as clocks in China count."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from core.clock import SHANGHAI, local
from core.database import database_now
from escalation.figures.rounds import NOTHING, Dimension, Tallies, Tally, tallies

Unit = Literal["hour", "day", "week", "month"]

_HOURS_UP_TO = timedelta(days=2)
_DAYS_UP_TO = timedelta(days=92)
_WEEKS_UP_TO = timedelta(days=731)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """An hour, a day, a week from Monday, or a month, and the rounds that started in it."""

    start: datetime
    end: datetime
    """Exclusive. The first and the last stretch may reach beyond the period; rounds outside it are not counted."""
    tally: Tally


def unit_of(since: datetime, until: datetime) -> Unit:
    """What a period of this length is cut into."""
    length = until - since
    if length <= _HOURS_UP_TO:
        return "hour"
    return "day" if length <= _DAYS_UP_TO else "week" if length <= _WEEKS_UP_TO else "month"


def slots_of(since: datetime, until: datetime) -> Dimension:
    """What a timeline of the period is put together from."""
    return "hour" if unit_of(since, until) == "hour" else "day"


def timeline(
    session: Session, since: datetime, until: datetime, region: str, counted: Tallies | None = None
) -> list[Stretch]:
    """The stretches of the period in order: up to now, and in a long period from the first that has a round.

    `counted`: the rounds' tallies by `slots_of` the period, where somebody has them already. Raises UnknownRegion.
    """
    unit, slots = unit_of(since, until), slots_of(since, until)
    counted = counted or tallies(session, since, until, region, [slots])
    found: dict[datetime, Tally] = {}
    for key, tally in counted[slots].items():
        start = _start(_moment(int(key), unit), unit)
        found[start] = found.get(start, NOTHING) + tally
    last = min(until, max(database_now(session), since + timedelta(seconds=1)))
    at = _start(local(since), unit)
    if unit in ("week", "month"):
        at = min(found, default=_start(local(last), unit))
    stretches = []
    while at < last:
        end = _next(at, unit)
        stretches.append(Stretch(at, end, found.get(at, NOTHING)))
        at = end
    return stretches


def _moment(slot: int, unit: Unit) -> datetime:
    hours = slot if unit == "hour" else 24 * slot
    return datetime.combine(_EPOCH, time(), SHANGHAI) + timedelta(hours=hours)


def _start(moment: datetime, unit: Unit) -> datetime:
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    return datetime.combine(day, time(), SHANGHAI)


def _next(start: datetime, unit: Unit) -> datetime:
    if unit == "hour":
        return start + timedelta(hours=1)
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if unit == "week" else 1)
