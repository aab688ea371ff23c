"""Sums of money and days as people write them: 三万五, 1万2千, 上个月15号, 去年腊月前. What is unclear is not guessed."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS = {"万": 10_000, "千": 1000, "百": 100, "十": 10}
_NUMBER = r"(?:\d[\d,，]*(?:\.\d+)?|[零〇一二两三四五六七八九十]+)"
_SUM = re.compile(
    rf"(?P<sum>(?:{_NUMBER}\s*[万千百wWkK]\s*)+(?P<tail>[一二两三四五六七八九](?![万千百十个年月日号岁]))?|{_NUMBER})\s*(?P<more>多|来|余)?\s*(?P<unit>块钱|块|元|万元|圆)?"
)
_PART = re.compile(rf"({_NUMBER})\s*([万千百wWkK])")
_MOST = 10_000_000_000


def sums_in(text: str, *, bare: bool = False) -> list[int]:
    """The sums in a text, in yuan. `bare`: a number without 元 or 万 counts too, since money is what was asked for."""
    found = []
    for match in _SUM.finditer(text):
        amount = _amount(match["sum"], match["tail"])
        if amount is None or not 0 < amount < _MOST:
            continue
        if match["unit"] or re.search(r"[万千百wWkK]", match["sum"]) or (bare and _stands_alone(match, text)):
            found.append(round(amount))
    return found


def _stands_alone(match: re.Match[str], text: str) -> bool:
    return not re.match(r"[年月日号天岁个人位名次点]", text[match.end() :])


def _amount(written: str, tail: str | None) -> float | None:
    parts = _PART.findall(written)
    if not parts:
        return _number(written)
    total, last = 0.0, 1
    for number, unit in parts:
        value = _number(number)
        if value is None:
            return None
        last = _UNITS[{"w": "万", "W": "万", "k": "千", "K": "千"}.get(unit, unit)]
        total += value * last
    # 三万五 is 35,000: the digit stands for the next lower unit.
    return total + _DIGITS[tail] * last / 10 if tail else total


def _number(written: str) -> float | None:
    """12, 1,200, 3.5, 十五, 二十 as a number; None for what is none."""
    plain = re.sub(r"[,，\s]", "", written)
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return float(plain)
    if all(character in _DIGITS for character in plain):
        return float("".join(str(_DIGITS[character]) for character in plain))
    if match := re.fullmatch(r"([一二两三四五六七八九])?十([一二三四五六七八九])?", plain):
        return float(10 * _DIGITS[match[1] or "一"] + _DIGITS[match[2] or "零"])
    return None


_DAYS_AGO = {
    "大前天": 3,
    "前天": 2,
    "前日": 2,
    "昨天": 1,
    "昨日": 1,
    "昨晚": 1,
    "今天": 0,
    "今日": 0,
    "今早": 0,
    "刚才": 0,
}
_WEEKDAYS = {character: place for place, character in enumerate("一二三四五六日")} | {"天": 6, "末": 5}
_N = r"(\d{1,4}|[零〇一二两三四五六七八九十]{1,4})"
_YEAR = rf"(?:{_N}\s*年|(今年|去年|前年|大前年)的?)"
_PATTERNS = (
    ("full", re.compile(rf"{_YEAR}\s*{_N}\s*月(?:份)?\s*(?:{_N}\s*[日号])?")),
    ("plain", re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?!\d)")),
    ("month", re.compile(rf"(上上?个?月|这个月|本月)的?\s*(?:{_N}\s*[日号])?")),
    ("day", re.compile(rf"{_N}\s*月\s*{_N}\s*[日号]?")),
    ("ago", re.compile(rf"{_N}\s*(天|个?星期|周|个月|年)(?:之|以)?前")),
    ("half", re.compile(r"(半个月|半年)(?:之|以)?前")),
    ("week", re.compile(r"(上|这|本)个?(?:周|星期|礼拜)([一二三四五六日天末])")),
    ("word", re.compile("|".join(_DAYS_AGO))),
)


def day_in(text: str, today: date) -> date | None:
    """The first day in the past that a text names; None where there is none, or only a month is named (its first day counts)."""
    found = sorted(_days(text, today), key=lambda each: each[0])
    return next((day for _, day in found if day is not None and day <= today), None)


def _days(text: str, today: date) -> Iterator[tuple[int, date | None]]:
    taken: list[tuple[int, int]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not any(start < match.end() and match.start() < end for start, end in taken):
                taken.append(match.span())
                yield match.start(), _day(kind, match, today)


def _day(kind: str, match: re.Match[str], today: date) -> date | None:
    try:
        match kind:
            case "full":
                return _full(match, today)
            case "plain":
                return date(int(match[1]), int(match[2]), int(match[3] or 1))
            case "month":
                back = match[1].count("上")
                first = _months_before(today.replace(day=1), back)
                return first.replace(day=_int(match[2])) if match[2] else first
            case "day":
                day = date(today.year, _int(match[1]), _int(match[2]))
                return day if day <= today else day.replace(year=today.year - 1)
            case "ago":
                return _ago(_int(match[1]), match[2], today)
            case "half":
                return today - timedelta(days=15) if match[1] == "半个月" else _months_before(today, 6)
            case "week":
                monday = today - timedelta(days=today.weekday() + (7 if match[1] == "上" else 0))
                return monday + timedelta(days=_WEEKDAYS[match[2]])
            case _:
                return today - timedelta(days=_DAYS_AGO[match[0]])
    except ValueError:
        return None


def _full(match: re.Match[str], today: date) -> date:
    if match[2]:
        year = today.year - {"今年": 0, "去年": 1, "前年": 2, "大前年": 3}[match[2]]
    else:
        year = _int(match[1])
        year += 2000 if year < 100 else 0
    return date(year, _int(match[3]), _int(match[4]) if match[4] else 1)


def _ago(count: int, unit: str, today: date) -> date:
    if unit == "天":
        return today - timedelta(days=count)
    if unit in ("周", "星期", "个星期"):
        return today - timedelta(weeks=count)
    return _months_before(today, count * (12 if unit == "年" else 1))


def _months_before(day: date, months: int) -> date:
    """The same day of the month so many months before; the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def _int(written: str) -> int:
    number = _number(written)
    if number is None:
        raise ValueError(written)
    return int(number)
