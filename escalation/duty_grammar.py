"""Duty hours 值班时间 as offices write them, read into rows of `DutyHours`: 周一至周五 9:00-17:30；周六上午9点到12点.

A part says days, then times: 周一、周三 9:00-12:00, 14:00-17:30. Times alone are for the days before them, or for every day;
days alone are whole days. 节假日 is a public holiday (day 0), which 周一 … 周日 and 工作日 leave out and 每天 takes in.
Hours over midnight end on the morning after, as the days of the week follow each other; a holiday's end on a holiday.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from escalation.duty import HOLIDAY, MIDNIGHT

Hours = tuple[int, int, int]
"""(day, first minute, last minute + 1), as `DutyHours` has them."""

_EVERY_DAY = frozenset(range(8))
_NAMED_DAYS = {
    **dict.fromkeys(("每天", "每日", "天天", "全年", "全周"), _EVERY_DAY),
    **dict.fromkeys(("法定节假日", "节假日", "法定假日", "节日"), frozenset({HOLIDAY})),
    "工作日": frozenset(range(1, 6)),
    **dict.fromkeys(("双休日", "休息日", "周末"), frozenset({6, 7})),
}
_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7} | {
    str(day): day for day in range(1, 8)
}
_DAY_NAMES = " 一二三四五六日"
_NUMERALS = "零一二三四五六七八九"

_TO = r"\s*(?:-|–|—+|−|~|〜|至|到)\s*"
_PERIOD = r"(凌晨|清晨|早上|早晨|上午|早|中午|下午|傍晚|晚上|晚间|晚|夜里|夜间)?\s*"
_CLOCK = _PERIOD + r"(\d{1,2})(?!\d)\s*(?::(\d{2})(?::00)?|[点时](?:整|(半)|(\d{1,2})分?)?)?"
_TIMES = re.compile(_CLOCK + _TO + r"(次日|第二天|翌日|隔天)?\s*" + _CLOCK)
_WHOLE_DAY = re.compile(r"全天候?|全日|24\s*小时|昼夜|随时")
_DAYS = re.compile("|".join(sorted(_NAMED_DAYS, key=len, reverse=True)))
_WEEK = r"(?:周|星期|礼拜)"
_DAY = r"([一二三四五六日天]|[1-7](?![\d:点时]))"
_WEEKDAY = re.compile(rf"每?{_WEEK}{_DAY}(?:{_TO}{_WEEK}?{_DAY})?")
_FURTHER_WEEKDAY = re.compile(rf"([一二三四五六日天])(?:{_TO}([一二三四五六日天]))?")
_EXCEPT = re.compile(r"除外|除了?|外|不含|不包括|不值班|不上班|休息|无休")
_INCLUDING = re.compile(r"含|包括|包含")
_END = re.compile(r"[;。\n]")
_FILLER = re.compile(r"[\s,、()/:和及与]+|值班|接待|在岗|均为?")
_HOUR_IN_WORDS = re.compile(r"(二十[一二三四]?|十[一二三四五六七八九]?|[一二三四五六七八九])(?=\s*[点时])")


class Unreadable(ValueError):
    """Not duty hours as far as we can read them. `piece` is the part that could not be read."""

    def __init__(self, piece: str) -> None:
        super().__init__(f"看不懂“{piece.strip()}”，请写成 周一至周五 9:00-17:30；周六 9:00-12:00 这样")
        self.piece = piece.strip()


@dataclass
class _Part:
    """Some days, and the times on them."""

    days: set[int] = field(default_factory=set)
    times: list[tuple[int, int]] = field(default_factory=list)
    """Minutes from the day's midnight; an end above 1440 is on the next day."""
    kind: str = ""
    """Empty for hours; `except` and `including` where days are taken from or added to what stands before."""


@lru_cache(maxsize=4096)
def parse_duty_hours(text: str) -> tuple[Hours, ...]:
    """The rows, in order and without overlap; none for an empty text, which means always. Raises Unreadable."""
    written = _HOUR_IN_WORDS.sub(lambda found: str(_number(found[1])), unicodedata.normalize("NFKC", text)).strip()
    if not written:
        return ()
    parts, left_out = _resolved(_parts(written), written)
    minutes: dict[int, list[tuple[int, int]]] = {}
    for part in parts:
        for day in part.days - left_out:
            for start, end in part.times or [(0, MIDNIGHT)]:
                minutes.setdefault(day, []).append((start, min(end, MIDNIGHT)))
                if end > MIDNIGHT:
                    minutes.setdefault(_next_day(day), []).append((0, end - MIDNIGHT))
    if not minutes:
        raise Unreadable(written)
    return tuple((day, *span) for day in sorted(minutes) for span in _merged(minutes[day]))


def written_hours(rows: Iterable[Hours]) -> str:
    """The rows as an office would write them, in words that `parse_duty_hours` reads as the same rows."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for day, start, end in sorted(rows):
        spans.setdefault(day, []).append((start, end))
    days_of: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day, times in spans.items():
        days_of.setdefault(tuple(times), []).append(day)
    parts = sorted(days_of.items(), key=lambda part: part[1] == [HOLIDAY])
    return "；".join(f"{_written_days(days)} {_written_times(times)}" for times, days in parts)


def _written_days(days: list[int]) -> str:
    if set(days) == _EVERY_DAY:
        return "每天"
    week = [day for day in days if day != HOLIDAY]
    pieces: list[list[int]] = []
    for day in week:
        if pieces and day == pieces[-1][-1] + 1:
            pieces[-1].append(day)
        else:
            pieces.append([day])
    names = [
        f"周{_DAY_NAMES[piece[0]]}至周{_DAY_NAMES[piece[-1]]}"
        if len(piece) > 2
        else "、".join(f"周{_DAY_NAMES[day]}" for day in piece)
        for piece in pieces
    ]
    return "、".join([*names, *(["节假日"] if HOLIDAY in days else [])])


def _written_times(times: tuple[tuple[int, int], ...]) -> str:
    if times == ((0, MIDNIGHT),):
        return "全天"
    return "、".join(f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}" for start, end in times)


def _parts(text: str) -> list[_Part]:
    """What stands there, in order: read from left to right, with nothing left over."""
    parts, place, in_list = [_Part()], 0, False
    while place < len(text):
        part = parts[-1]
        if found := _WEEKDAY.match(text, place) or (in_list and _FURTHER_WEEKDAY.match(text, place)):
            _days_of(parts).update(_week(found[1], found[2] or found[1]))
        elif found := _TIMES.match(text, place):
            part.times.append(_span(found))
        elif found := _WHOLE_DAY.match(text, place):
            part.times.append((0, MIDNIGHT))
        elif found := _DAYS.match(text, place):
            _days_of(parts).update(_NAMED_DAYS[found[0]])
        elif found := _INCLUDING.match(text, place):
            parts.append(_Part(kind="including"))
        elif found := _EXCEPT.match(text, place):
            _leave_out(parts, found[0])
        elif found := _END.match(text, place):
            parts.append(_Part())
        elif not (found := _FILLER.match(text, place)):
            raise Unreadable(re.split(r"[;,。\s]", text[place:], maxsplit=1)[0])
        in_list = bool(found.re in (_WEEKDAY, _FURTHER_WEEKDAY) or (in_list and found.re is _FILLER))
        place = found.end()
    return parts


def _days_of(parts: list[_Part]) -> set[int]:
    """Where further days belong: days after times begin a new part."""
    if parts[-1].times:
        parts.append(_Part())
    return parts[-1].days


def _leave_out(parts: list[_Part], word: str) -> None:
    """节假日除外 follows its days, 不含节假日 goes before them, 除节假日外 does both; 节假日无休 takes them in."""
    if word in ("除", "除了", "不含", "不包括"):
        parts.append(_Part(kind="except"))
    elif not parts[-1].days or parts[-1].times:
        raise Unreadable(word)
    else:
        parts[-1].kind = "including" if word == "无休" else "except"
        parts.append(_Part())


def _resolved(found: list[_Part], text: str) -> tuple[list[_Part], set[int]]:
    """The parts with the days that each is for, and the days that are left out of all."""
    parts: list[_Part] = []
    left_out: set[int] = set()
    for part in found:
        if (part.kind and not part.days) or (part.kind == "including" and not parts):
            raise Unreadable(text)
        if part.kind == "except":
            left_out |= part.days
        elif part.kind == "including":
            parts[-1].days |= part.days
        elif part.days:
            parts.append(part)
            continue
        if part.times and parts:
            parts[-1].times += part.times
        elif part.times:
            parts.append(_Part(set(_EVERY_DAY), part.times))
    if len(parts) > 1 and not next(part for part in found if part.times or part.days).days:
        raise Unreadable(text)  # 9:00-17:30 周一至周五: which days the first times are for is a guess
    return parts, left_out


def _span(found: re.Match[str]) -> tuple[int, int]:
    """The minutes of 9:00-17:30, 下午2点到5点半, 18:00-次日8:00. Raises Unreadable for times that there are not."""
    start_period, *start_clock = found.groups()[:5]
    next_day, end_period, *end_clock = found.groups()[5:]
    start = _minute(start_period, start_clock, found[0])
    end = _minute(end_period or ("" if next_day else start_period), end_clock, found[0])
    if next_day or (end < start and (end_period or not start_period)):
        end += MIDNIGHT
    if not start < end <= start + MIDNIGHT or start >= MIDNIGHT:
        raise Unreadable(found[0])
    return start, end


def _minute(period: str | None, clock: list[str | None], written: str) -> int:
    hour_written, after_colon, half, after_hour = clock
    hour, minute = int(hour_written or 0), 30 if half else int(after_colon or after_hour or 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise Unreadable(written)
    word = (period or "")[:1]
    if word in ("下", "傍") or (word == "中" and hour < 10):
        hour += 12 if hour < 12 else 0
    elif word in ("晚", "夜"):
        hour += 12 if 5 <= hour <= 12 else 0
    elif word == "凌" and hour == 12:
        hour = 0
    return hour * 60 + minute


def _week(first: str, last: str) -> set[int]:
    """周五至周一 goes over the weekend."""
    start, end = _WEEKDAYS[first], _WEEKDAYS[last]
    return {(start - 1 + step) % 7 + 1 for step in range((end - start) % 7 + 1)}


def _next_day(day: int) -> int:
    return HOLIDAY if day == HOLIDAY else day % 7 + 1


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _number(words: str) -> int:
    """Up to 二十四."""
    tens, ten, ones = words.rpartition("十")
    return (10 * (_NUMERALS.index(tens) if tens else 1) if ten else 0) + (_NUMERALS.index(ones) if ones else 0)
