"""The one place where the time comes from, so that a test can move it.

All times are timezone-aware UTC; people read them in Asia/Shanghai (``local``).
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_offset = timedelta(0)


def now() -> datetime:
    """The present moment, UTC, moved by whatever `advance` has been told."""
    return datetime.now(UTC) + _offset


def today() -> date:
    """The day it is in China: the day that decides which version of a law is in force."""
    return local(now()).date()


def local(moment: datetime) -> datetime:
    """`moment` as a clock on the wall in China shows it."""
    return moment.astimezone(SHANGHAI)


def from_local(moment: datetime) -> datetime:
    """What a clock on the wall in China shows, without a time zone, as the UTC moment."""
    return moment.replace(tzinfo=SHANGHAI).astimezone(UTC)


def advance(seconds: float) -> None:
    """Move this process's clock. For tests and demonstrations only."""
    global _offset
    _offset += timedelta(seconds=seconds)


def reset() -> None:
    """Undo every `advance`."""
    global _offset
    _offset = timedelta(0)


def moved() -> bool:
    """True while `advance` is in effect: then the database's own clock must not be asked."""
    return _offset != timedelta(0)
