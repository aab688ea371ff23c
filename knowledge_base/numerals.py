"""Chinese numerals and article numbers: "第一百二十条之一" is 120.1 however it is written."""

import re
from dataclasses import dataclass

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "○": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_CHINESE = "零〇○一二三四五六七八九十百千两"
NUMERAL = rf"(?:[{_CHINESE}]+|[0-9]+)"
_NUMBER = re.compile(rf"^第?\s*(?P<main>{NUMERAL})\s*条?\s*(?:(?:之|-|－|—)\s*(?P<sub>{NUMERAL}))?\s*条?$")
_SUBARTICLES = 1000  # no article has more 之一, 之二, … than this


@dataclass(frozen=True, slots=True, order=True)
class ArticleNumber:
    """第`main`条, or 第`main`条之`sub` where `sub` is not 0. Sorts as the law prints them."""

    main: int
    sub: int = 0

    def __str__(self) -> str:
        suffix = f"之{to_chinese(self.sub)}" if self.sub else ""
        return f"第{to_chinese(self.main)}条{suffix}"

    @property
    def ordinal(self) -> int:
        """One integer that sorts alike."""
        return self.main * _SUBARTICLES + self.sub


def to_int(numeral: str) -> int:
    """ "一百二十" or "120" or "一二〇" as 120. Raises ValueError for anything else."""
    if numeral.isascii() and numeral.isdigit():
        return int(numeral)
    if not numeral:
        raise ValueError("不是数字")
    if all(char in _DIGITS for char in numeral):
        return int("".join(str(_DIGITS[char]) for char in numeral))
    total, section, digit = 0, 0, 0
    for char in numeral:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char == "万":
            total, section, digit = total + (section + digit) * 10000, 0, 0
        elif char in _UNITS:
            section, digit = section + (digit or 1) * _UNITS[char], 0
        else:
            raise ValueError(f"不是数字：{numeral}")
    return total + section + digit


def to_chinese(number: int) -> str:
    """120 as "一百二十", 1005 as "一千零五". For 0 < number < 10000, as laws number their articles."""
    if not 0 < number < 10000:
        raise ValueError(f"超出条文编号的范围：{number}")
    written, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            if gap and written:
                written += "零"
            written += "零一二三四五六七八九"[digit] + name
            gap = False
        else:
            gap = True
    return written[1:] if written.startswith("一十") else written


def parse_article_number(written: str) -> ArticleNumber | None:
    """ "38", "三十八", "第三十八条", "17-1", "第十七条之一" as numbers; None for what is none of them."""
    match = _NUMBER.match(written.strip())
    if match is None:
        return None
    try:
        main, sub = to_int(match["main"]), to_int(match["sub"]) if match["sub"] else 0
    except ValueError:
        return None
    return ArticleNumber(main, sub) if 0 < main < 10000 and 0 <= sub < _SUBARTICLES else None
